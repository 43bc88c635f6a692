"""What changed between two definitions, as people would say it, and as data.

The order of steps, dependencies and entry and exit points carries no meaning and shows no change;
nor does a key that says what its absence says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from core.json import format_path
from engine.context import JsonObject
from engine.definition import DEFAULT_TIMEOUT

ChangeKind = Literal[
    "definition_changed",
    "step_added",
    "step_removed",
    "step_renamed",
    "step_changed",
    "dependency_added",
    "dependency_removed",
]

# What the absence of a key says.
_STEP_DEFAULTS: JsonObject = {
    "description": "", "config": {}, "dependencies": [], "ai_generated": False, "ai_prompt": None,
    "validation_rules": None, "when": None, "retry": {}, "timeout": DEFAULT_TIMEOUT,
    "on_error": "fail", "join": "all", "ai_configurable": True,
}  # fmt: skip
_DEFAULTS: JsonObject = {
    "id": "", "description": "", "ai_configurable": True, "inputs": None, "outputs": None,
    "budget": None,
}  # fmt: skip
# They follow from the dependencies, or from saving.
_DERIVED = {"steps", "entry_points", "exit_points", "created_by", "created_at", "updated_at"}
_BRANCHES = {"then", "default"}
_SHOWN = 80  # characters of a value in a sentence
_ABSENT = object()


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One difference.

    Attributes:
        step: the step's id, after the change where it was renamed; "" for the whole definition.
        path: the field that changed, below the step or the definition, such as
            `config.rules[0].when`.
        before, after: its values; None where there was or is none.
        sentence: the same for people.
    """

    kind: ChangeKind
    step: str
    path: str
    before: Any
    after: Any
    sentence: str


def diff(before: JsonObject, after: JsonObject) -> list[Change]:
    """What to do to `before` to have `after`; both are definitions that the parser accepts.

    A step that only has another id counts as renamed, and who refers to it as unchanged.
    """
    renamed = _renamed(before, after)
    old = {renamed.get(step["id"], step["id"]): step for step in before["steps"]}
    new = {step["id"]: step for step in after["steps"]}
    changes = list(_fields("", before, after, renamed))
    changes += [
        Change(
            kind="step_renamed", step=now, path="id", before=was, after=now,
            sentence=f"Step '{was}' is now called '{now}'.",
        )
        for was, now in renamed.items()
    ]  # fmt: skip
    for step_id in old.keys() - new.keys():
        sentence = f"Step '{step_id}' ({old[step_id]['step_type']}) is removed."
        changes.append(_whole("step_removed", step_id, old[step_id], None, sentence))
    for step_id in new.keys() - old.keys():
        sentence = f"Step '{step_id}' ({new[step_id]['step_type']}) is added."
        changes.append(_whole("step_added", step_id, None, new[step_id], sentence))
    places = {step_id: n for n, step_id in enumerate([*old, *new])}
    for step_id in old.keys() & new.keys():
        changes += _fields(step_id, old[step_id], new[step_id], renamed)
        changes += _dependencies(old[step_id], new[step_id], renamed)
    return sorted(changes, key=lambda c: places.get(c.step, -1))


def _whole(kind: ChangeKind, step: str, before: Any, after: Any, sentence: str) -> Change:
    return Change(kind=kind, step=step, path="", before=before, after=after, sentence=sentence)


# -- renamed steps


def _renamed(before: JsonObject, after: JsonObject) -> dict[str, str]:
    """Old id -> new id, of steps that are the same but for it."""
    old = {step["id"]: step for step in before["steps"]}
    new = {step["id"]: step for step in after["steps"]}
    gone = [old[step_id] for step_id in old if step_id not in new]
    come = [new[step_id] for step_id in new if step_id not in old]
    if not gone or not come:
        return {}
    found: dict[str, str] = {}
    for mark in (_identity, _name_and_type):
        marks: dict[str, list[str]] = {}
        for step in come:
            if step["id"] not in found.values():
                marks.setdefault(mark(step), []).append(step["id"])
        for step in gone:
            candidates = marks.get(mark(step), [])
            if step["id"] not in found and len(candidates) == 1:
                found[step["id"]] = candidates.pop()
    return found


def _identity(step: JsonObject) -> str:
    kept = {key: step.get(key, default) for key, default in _STEP_DEFAULTS.items()}
    return json.dumps([step["step_type"], kept | {"dependencies": None}], sort_keys=True)


def _name_and_type(step: JsonObject) -> str:
    return json.dumps([step["name"], step["step_type"]])


def _translated(value: Any, renamed: dict[str, str], *, branches: bool = False) -> Any:
    """The value with new ids in its expressions and lists of branches."""
    if isinstance(value, dict):
        return {
            key: _translated(inner, renamed, branches=key in _BRANCHES)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_translated(inner, renamed, branches=branches) for inner in value]
    if isinstance(value, str) and renamed:
        if branches and value in renamed:
            return renamed[value]
        return _REFERENCE.sub(lambda found: _reference(found, renamed), value)
    return value


_REFERENCE = re.compile(r"""\bsteps(?:\.(\w+)|\[(["'])(\w+)\2\])""", re.ASCII)


def _reference(found: re.Match[str], renamed: dict[str, str]) -> str:
    step_id = found[1] or found[3]
    return found[0].replace(step_id, renamed[step_id]) if step_id in renamed else found[0]


# -- fields


def _fields(
    step_id: str, before: JsonObject, after: JsonObject, renamed: dict[str, str]
) -> Iterator[Change]:
    kind: ChangeKind = "step_changed" if step_id else "definition_changed"
    defaults, derived = (
        (_STEP_DEFAULTS, {"id", "dependencies"}) if step_id else (_DEFAULTS, _DERIVED)
    )
    who = f"Step '{step_id}'" if step_id else "The definition"
    for key in sorted((before.keys() | after.keys()) - derived):
        old = _translated(before.get(key, defaults.get(key, _ABSENT)), renamed)
        new = after.get(key, defaults.get(key, _ABSENT))
        for parts, was, now in _leaves((key,), old, new):
            path = format_path(parts)
            yield Change(
                kind=kind,
                step=step_id,
                path=path,
                before=None if was is _ABSENT else was,
                after=None if now is _ABSENT else now,
                sentence=f"{who}: {_said(path, was, now)}.",
            )


def _leaves(parts: tuple[str | int, ...], old: Any, new: Any) -> Iterator[tuple[Any, Any, Any]]:
    """The smallest parts that differ, as (path, old, new)."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _leaves((*parts, key), old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for n, (was, now) in enumerate(zip(old, new, strict=True)):
            yield from _leaves((*parts, n), was, now)
    elif not _same(old, new):
        yield parts, old, new


def _same(old: Any, new: Any) -> bool:
    if old is _ABSENT or new is _ABSENT:
        return old is new
    if _is_number(old) and _is_number(new):
        return bool(old == new)
    return _text(old) == _text(new)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _said(path: str, was: Any, now: Any) -> str:
    if was is _ABSENT or was is None or was == {}:
        return f"{path} is set to {_short(now)}"
    if now is _ABSENT or now is None or now == {}:
        return f"{path} is no longer set (was {_short(was)})"
    if path == "timeout" and was == DEFAULT_TIMEOUT:
        return f"{path} is set to {_short(now)}"
    return f"{path} changes from {_short(was)} to {_short(now)}"


def _text(value: Any) -> str:
    # Compared as text too, since Python holds 1 and true for equal.
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _short(value: Any) -> str:
    said = _text(value)
    return said if len(said) <= _SHOWN else said[: _SHOWN - 3] + "..."


def _dependencies(
    before: JsonObject, after: JsonObject, renamed: dict[str, str]
) -> Iterator[Change]:
    step_id = after["id"]
    old = {renamed.get(other, other) for other in before.get("dependencies", ())}
    new = set(after.get("dependencies", ()))
    for other in sorted(old - new):
        sentence = f"Step '{step_id}' no longer waits for '{other}'."
        yield _dependency("dependency_removed", step_id, other, None, sentence)
    for other in sorted(new - old):
        sentence = f"Step '{step_id}' now waits for '{other}'."
        yield _dependency("dependency_added", step_id, None, other, sentence)


def _dependency(
    kind: ChangeKind, step: str, before: str | None, after: str | None, sentence: str
) -> Change:
    return Change(
        kind=kind, step=step, path="dependencies", before=before, after=after, sentence=sentence
    )
