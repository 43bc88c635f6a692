"""Steps whose output nobody reads and that do nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from ai.optimisation import edits, weights
from ai.optimisation.flow import Flow
from ai.optimisation.values import Candidate, Fact, History, Prediction, named


def dead_steps(flow: Flow, history: History) -> Iterator[Candidate]:
    """Leaves out what is computed for nothing, with what is computed only for that."""
    dead = dead_in(flow, history)
    for group in _groups(flow, dead):
        document = edits.without_steps(flow.document, group, _rewired(flow, group))
        facts = []
        for step_id in group:
            readers = sorted({r.reader for r in flow.reads.get(step_id, ()) if r.reader != step_id})
            said = (
                f"The output of '{step_id}' is read by {', '.join(readers)} only."
                if readers
                else f"No expression reads the output of '{step_id}'."
            )
            facts.append(Fact(path=flow.path(step_id), said=said, value=len(readers)))
            past = history.of(step_id)
            if past.completed:
                took = f"'{step_id}' took {past.mean_ms or 0:,.0f} ms on average and never failed."
                facts.append(
                    Fact(path=flow.path(step_id), said=took, value=past.mean_ms, runs=past.runs)
                )
            if past.cost_usd:
                facts.append(
                    Fact(
                        path=flow.path(step_id),
                        said=f"Its {past.calls:,} AI calls cost ${past.cost_usd:,.4f}.",
                        value=past.cost_usd,
                        runs=past.runs,
                    )
                )
        yield Candidate(
            kind="dead_steps",
            title=f"Nobody needs {named(group)}.",
            steps=group,
            document=document,
            evidence=tuple(facts),
            effect=_prediction(flow, group, history),
            equivalent=True,
            caveats=("A run that fails at such a step now would go on.",),
            removed=frozenset(group),
        )


def dead_in(flow: Flow, history: History) -> set[str]:
    """Ids of the steps that nobody needs, or only others of them."""
    dead: set[str] = set()
    grows = True
    while grows:
        grows = False
        for step in flow.definition.steps:
            readers = {read.reader for read in flow.reads.get(step.id, ())}
            if step.id in dead or not readers <= dead | {step.id} or flow.is_exit(step.id):
                continue
            # Who is known to fail might be meant to.
            if (
                flow.is_free(step.id)
                and flow.may_change(step.id)
                and not history.of(step.id).failed
            ):
                dead.add(step.id)
                grows = True
    return dead


def _groups(flow: Flow, dead: set[str]) -> Iterator[tuple[str, ...]]:
    """Dead steps that read each other, together."""
    near: dict[str, set[str]] = {step_id: set() for step_id in dead}
    for step_id in dead:
        for other in flow.definition.step(step_id).reads & dead:
            near[step_id].add(other)
            near[other].add(step_id)
    seen: set[str] = set()
    for step in flow.definition.steps:
        if step.id in dead and step.id not in seen:
            todo, group = [step.id], set[str]()
            while todo:
                each = todo.pop()
                if each not in group:
                    group.add(each)
                    todo += near[each]
            seen |= group
            yield tuple(sorted(group, key=flow.definition.index.__getitem__))


def _rewired(flow: Flow, gone: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Whoever waited for a step that goes waits for what that waited for."""
    left = set(gone)
    instead: dict[str, tuple[str, ...]] = {}
    for position in flow.definition.graph.order:
        step = flow.definition.steps[position]
        found: list[str] = []
        for other in step.dependencies:
            found += instead[other] if other in left else (other,)
        instead[step.id] = tuple(dict.fromkeys(found))
    now = weights.dependencies(flow)
    return {n: after for n, after in instead.items() if n not in left and after != now[n]}


def _prediction(flow: Flow, group: tuple[str, ...], history: History) -> Prediction:
    known = weights.weigh(flow, history)
    now = weights.dependencies(flow)
    then = {n: o for n, o in (now | _rewired(flow, group)).items() if n not in group}
    before, after = known.path(now), known.path(then)
    if after < before:
        return known.prediction(before, after)
    return Prediction(
        measure="steps",
        unit="steps",
        before=len(now),
        after=len(then),
        basis="the definition alone: no path through these steps is the longest",
    )
