"""Steps that wait for others from which neither data nor an order of effects comes to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ai.optimisation import edits, weights
from ai.optimisation.flow import Flow
from ai.optimisation.rules.dead import dead_in
from ai.optimisation.values import Candidate, Fact, History, Prediction, named

_MAX_CANDIDATES = 100
Dependencies = Mapping[str, tuple[str, ...]]


def needless_dependencies(flow: Flow, history: History) -> Iterator[Candidate]:
    """Lets a step start as soon as what it reads is there, where the whole run gains from it.

    Whoever waits for the step goes on waiting for what it no longer waits for.
    """
    # To wait for what should not be there at all is no reason to wait for less.
    known = weights.weigh(flow, history).without(dead_in(flow, history))
    now = weights.dependencies(flow)
    found: list[str] = []
    every: Dependencies = now
    for position in flow.definition.graph.order:
        step_id = flow.definition.steps[position].id
        changed = bypass(flow, every, step_id)
        if changed is not None and len(found) < _MAX_CANDIDATES:
            found.append(step_id)
            every = changed
    shortest = known.path(every)
    before = known.path(now)
    for step_id in found:
        alone = bypass(flow, now, step_id)
        if alone is None:
            continue
        after = known.path(alone)
        # Of two that gain only together, each counts by what all others gain without it.
        without: Dependencies = now
        for other in found:
            without = without if other == step_id else bypass(flow, without, other) or without
        if known.is_shorter(before, after) or known.is_shorter(known.path(without), shortest):
            prediction = known.prediction(before, after)
            yield _candidate(flow, history, step_id, now, alone, prediction)


def bypass(flow: Flow, now: Dependencies, step_id: str) -> Dependencies | None:
    """The dependencies where the step waits only for what it needs; None where it does already."""
    if not flow.is_free(step_id) or not flow.may_change(step_id):
        return None
    needed = _needed(flow, step_id)
    kept = [other for other in now[step_id] if other in needed]
    given_up = [other for other in now[step_id] if other not in needed]
    todo = list(given_up)
    seen = set(todo)
    while todo:
        for other in now[todo.pop(0)]:
            if other in seen or any(other == k or other in flow.before[k] for k in kept):
                continue
            seen.add(other)
            (kept if other in needed else todo).append(other)
    kept = [k for k in kept if k in now[step_id] or not _behind_another(flow, k, kept)]
    if not given_up or set(kept) == set(now[step_id]):
        return None
    changed = dict(now) | {step_id: tuple(kept)}
    for dependent, others in now.items():
        if step_id in others:
            # It came after them by way of this step.
            changed[dependent] = (*others, *(o for o in given_up if o not in others))
    return changed


def _needed(flow: Flow, step_id: str) -> set[str]:
    """What the step reads, and whatever else it must not overtake."""
    reads = flow.definition.step(step_id).reads
    return {o for o in flow.before[step_id] if o in reads or not flow.is_free(o)}


def _behind_another(flow: Flow, step_id: str, others: list[str]) -> bool:
    return any(step_id in flow.before[other] for other in others)


def _candidate(
    flow: Flow,
    history: History,
    step_id: str,
    now: Dependencies,
    then: Dependencies,
    prediction: Prediction,
) -> Candidate:
    given_up = [other for other in now[step_id] if other not in then[step_id]]
    facts = [
        Fact(
            path=f"{flow.path(step_id)}.dependencies[{now[step_id].index(other)}]",
            said=f"No expression of '{step_id}' reads '{other}', and neither has an effect.",
        )
        for other in given_up
    ]
    for each in (step_id, *given_up):
        past = history.of(each)
        if past.mean_ms is not None and past.completed:
            facts.append(
                Fact(
                    path=flow.path(each),
                    said=f"'{each}' took {past.mean_ms:,.0f} ms on average.",
                    value=round(past.mean_ms, 1),
                    runs=past.completed,
                )
            )
    caveats = []
    if flow.effects[step_id] == "model":
        caveats.append(
            f"Where {named(given_up)} fails, '{step_id}' may have cost something by then."
        )
    changed = {each: after for each, after in then.items() if after != now[each]}
    return Candidate(
        kind="needless_dependency",
        title=f"'{step_id}' need not wait for {named(given_up)}.",
        steps=(step_id,),
        document=edits.with_dependencies(flow.document, changed),
        evidence=tuple(facts),
        effect=prediction,
        equivalent=True,
        caveats=tuple(caveats),
    )
