"""What no suggestion may change, whoever proposes it."""

from __future__ import annotations

from ai.optimisation.flow import Flow
from ai.optimisation.values import Candidate

_PLACE = {"dependencies"}
_POLICY = {"retry", "timeout"}


def faults(before: Flow, after: Flow, candidate: Candidate) -> list[str]:
    """Why the candidate must not be suggested; none where it may.

    - Untouchable steps and the rest of the definition stay as they are.
    - Steps that have effects, guard, choose or ask people come after the same steps as before;
      others come earlier only past steps that may be passed.
    - Every step runs in the same cases.
    - The run's results are those of the same steps.
    """
    gone = candidate.removed
    stay = [step.id for step in before.definition.steps if step.id not in gone]
    if [step.id for step in after.definition.steps] != stay:
        return ["other steps than it says are added, removed or moved"]
    found = [
        f"'{step_id}' may not be changed"
        for step_id in before.before
        if not before.may_change(step_id)
        and (step_id in gone or before.raw(step_id) != after.raw(step_id))
    ]
    for step_id in stay:
        old = {key: value for key, value in before.raw(step_id).items() if key not in _PLACE}
        new = {key: value for key, value in after.raw(step_id).items() if key not in _PLACE}
        if old != new:
            found += _rewritten(before, after, candidate, step_id)
        found += _order(before, after, candidate, step_id)
    for key in before.document.keys() | after.document.keys():
        known = key in ("steps", "entry_points", "exit_points")
        if not known and before.document.get(key) != after.document.get(key):
            found.append(f"'{key}' is changed")
    found += [f"'{step_id}' is read" for step_id in gone if _is_read(before, candidate, step_id)]
    if before.running is None or after.running is None:
        found.append("too many cases in which steps run")
    else:
        found += [
            f"'{step_id}' would run in other cases"
            for step_id in stay
            if before.running[step_id] != after.running[step_id]
        ]
    exits = set(before.definition.exit_points), set(after.definition.exit_points)
    if before.definition.outputs is None and exits[0] != exits[1]:
        found.append("the results would be of other steps")
    return found


def _rewritten(before: Flow, after: Flow, candidate: Candidate, step_id: str) -> list[str]:
    old, new = before.raw(step_id), after.raw(step_id)
    changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} - _PLACE
    if step_id not in candidate.rewritten:
        return [f"'{step_id}' is changed beyond its dependencies"]
    if before.effects[step_id] != "model" and not changed <= _POLICY:
        return [f"'{step_id}' is no AI step, and {', '.join(sorted(changed - _POLICY))} changed"]
    reads = after.definition.step(step_id).reads - before.definition.step(step_id).reads
    allowed = {other for waiting, other in candidate.waits if waiting == step_id}
    return [f"'{step_id}' would read '{other}'" for other in sorted(reads - allowed)]


def _order(before: Flow, after: Flow, candidate: Candidate, step_id: str) -> list[str]:
    old, new = before.before[step_id] - candidate.removed, after.before[step_id]
    found = [
        f"'{step_id}' would wait for '{other}'"
        for other in sorted(new - old)
        if (step_id, other) not in candidate.waits
    ]
    for other in sorted(old - new):
        if not (before.is_free(step_id) and before.is_free(other)):
            found.append(f"'{step_id}' must stay behind '{other}'")
    return found


def _is_read(before: Flow, candidate: Candidate, step_id: str) -> bool:
    readers = {read.reader for read in before.reads.get(step_id, ())}
    return before.is_exit(step_id) or not readers <= candidate.removed | {step_id}
