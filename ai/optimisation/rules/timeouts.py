"""Steps that leave the house, or may, without saying how long they are waited for."""

from __future__ import annotations

import math
from collections.abc import Iterator

from django.conf import settings

from ai.optimisation import edits
from ai.optimisation.flow import Flow
from ai.optimisation.values import Candidate, Fact, History, Prediction
from ai.optimisation.weights import MIN_RUNS
from engine.definition import DEFAULT_TIMEOUT, WorkflowStep

_CALL = 30
"""Seconds for a call of which no runs are known."""
# Effect -> times the longest time seen, and the least number of seconds.
_ROOM = {"call": (4, 10), "model": (4, 20), "unknown": (10, 60)}


def missing_timeouts(flow: Flow, history: History) -> Iterator[Candidate]:
    """Sets a timeout well above what runs have shown, or a usual one for calls."""
    for step in flow.definition.steps:
        effect = flow.effects[step.id]
        if "timeout" in flow.raw(step.id) or effect not in _ROOM or step.inline:
            continue
        past = history.of(step.id)
        bound = _bound(effect)
        path = flow.path(step.id)
        facts = [
            Fact(path=path, said=f"'{step.id}' names no timeout: {bound:g} s hold.", value=bound)
        ]
        if past.completed >= MIN_RUNS and past.longest_ms is not None:
            times, least = _ROOM[effect]
            wanted = max(least, math.ceil(times * past.longest_ms / 1000))
            basis = f"{times} times the longest of {past.completed} runs, at least {least} s"
            said = f"'{step.id}' took {past.longest_ms / 1000:g} s at most."
            facts.append(Fact(path=path, said=said, value=past.longest_ms, runs=past.completed))
        elif effect == "call":
            wanted, basis = _CALL, "a usual limit for a call; too few runs are known"
        else:
            continue
        if wanted <= bound / 2:
            yield _candidate(flow, step, wanted, bound, basis, facts)


def _bound(effect: str) -> float:
    """Seconds that hold where a step says nothing."""
    bounds = {"call": settings.HTTP_TIMEOUT_SECONDS, "model": settings.AI_TIMEOUT_SECONDS}
    return min(DEFAULT_TIMEOUT, float(bounds.get(effect, DEFAULT_TIMEOUT)))


def _candidate(
    flow: Flow, step: WorkflowStep, wanted: int, bound: float, basis: str, facts: list[Fact]
) -> Candidate:
    return Candidate(
        kind="missing_timeout",
        title=f"'{step.id}' may hold a worker for {bound:g} s.",
        steps=(step.id,),
        document=edits.with_step(flow.document, step.id, timeout=wanted),
        evidence=tuple(facts),
        effect=Prediction(
            measure="longest_attempt", unit="s", before=bound, after=wanted, basis=basis
        ),
        equivalent=False,
        caveats=(f"An attempt that takes longer than {wanted} s would fail.",),
        rewritten=frozenset({step.id}),
    )
