"""The difference of two definitions as JSON Patch (RFC 6902), step by step and field by field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from core.json import JsonObject

# Below a step, changes go as deep as one key of these.
_DEEP = {"config", "retry"}


def patch(before: JsonObject, after: JsonObject) -> list[JsonObject]:
    """The operations that turn `before` into `after`.

    The steps of `after` are steps of `before`, in the same order. Steps are removed from the last
    to the first, and behind all other changes, so that every path is that of `before`. A `test` of
    the step's id stands before its changes: a patch does not apply to another definition.
    """
    kept = {step["id"]: step for step in after["steps"]}
    places = {step["id"]: n for n, step in enumerate(before["steps"])}
    operations = list(_changes((), _rest(before), _rest(after)))
    for step in before["steps"]:
        place = ("steps", places[step["id"]])
        found = list(_changes(place, step, kept.get(step["id"], step)))
        operations += [_test(place, step["id"]), *found] if found else []
    for step in reversed(before["steps"]):
        if step["id"] not in kept:
            place = ("steps", places[step["id"]])
            operations += [_test(place, step["id"]), {"op": "remove", "path": _pointer(place)}]
    return operations


def _rest(document: JsonObject) -> JsonObject:
    return {key: value for key, value in document.items() if key != "steps"}


def _changes(place: Sequence[str | int], old: JsonObject, new: JsonObject) -> Iterator[JsonObject]:
    for key in sorted(old.keys() | new.keys()):
        path = (*place, key)
        if key not in new:
            yield {"op": "remove", "path": _pointer(path)}
        elif key not in old:
            yield {"op": "add", "path": _pointer(path), "value": new[key]}
        elif old[key] != new[key]:
            if place and key in _DEEP and isinstance(old[key], dict) and new[key]:
                yield from _changes(path, old[key], new[key])
            else:
                yield {"op": "replace", "path": _pointer(path), "value": new[key]}


def _test(place: Sequence[str | int], step_id: str) -> dict[str, Any]:
    return {"op": "test", "path": _pointer((*place, "id")), "value": step_id}


def _pointer(parts: Sequence[str | int]) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
