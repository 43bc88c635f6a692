"""Changes of a definition's JSON, by step id. Each gives a copy."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from core.json import JsonObject


def with_dependencies(
    document: JsonObject, dependencies: Mapping[str, Sequence[str]]
) -> JsonObject:
    """The definition with these steps waiting for these others."""
    changed = copy.deepcopy(document)
    for step in changed["steps"]:
        if step["id"] in dependencies:
            step["dependencies"] = list(dependencies[step["id"]])
    return _with_points(changed)


def without_steps(
    document: JsonObject, gone: Collection[str], dependencies: Mapping[str, Sequence[str]]
) -> JsonObject:
    """The definition without some steps, others waiting for what `dependencies` says."""
    changed = copy.deepcopy(document)
    changed["steps"] = [step for step in changed["steps"] if step["id"] not in gone]
    return with_dependencies(changed, dependencies)


def with_step(document: JsonObject, step_id: str, **fields: Any) -> JsonObject:
    """The definition with other fields in one step; None takes a field away."""
    changed = copy.deepcopy(document)
    for step in changed["steps"]:
        if step["id"] == step_id:
            step |= copy.deepcopy(fields)
            for key, value in fields.items():
                if value is None:
                    del step[key]
    return _with_points(changed)


def _with_points(document: JsonObject) -> JsonObject:
    """Entry and exit points, where they are stated, follow the dependencies."""
    steps = document["steps"]
    waited_for = {other for step in steps for other in step.get("dependencies", ())}
    points = {
        "entry_points": [step["id"] for step in steps if not step.get("dependencies")],
        "exit_points": [step["id"] for step in steps if step["id"] not in waited_for],
    }
    for key, actual in points.items():
        stated = document.get(key)
        if stated is not None and set(stated) != set(actual):
            document[key] = actual
    return document
