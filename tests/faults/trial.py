"""One fault, injected round after round until it has hit often enough."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.db import connection

from engine import history
from engine.models import ExecutionEvent
from tests.faults import oracle
from tests.faults.report import Outcome
from tests.faults.site import Site

_MORE_ROUNDS = 3  # times as many rounds as would do if every one hit


@dataclass(kw_only=True, slots=True)
class Round:
    """What one injection did.

    Attributes:
        runs: those that the oracle is to judge, once they are at rest.
        hits: how many of the faults hit; a fault that did not hit does not count.
        recovery: seconds until what was lost ran again.
        expected: the states in which the runs may end.
        problems: what the fault itself found wrong.
        notes: figures worth telling.
        patience: seconds after which runs that still move are stuck.
    """

    runs: list[UUID] = field(default_factory=list)
    hits: int = 0
    recovery: list[float] = field(default_factory=list)
    expected: Collection[str] = ("completed",)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    patience: float = 60


# (site, random, how many are wanted at most) -> what happened.
Inject = Callable[[Site, random.Random, int], Round]


def run(name: str, inject: Inject, *, site: Site, n: int, seed: int) -> Outcome:
    """Injects the fault until it has hit n times or something is wrong."""
    began = time.monotonic()
    outcome = Outcome(fault=name, wanted=n, seed=seed)
    rounds = 0
    idle = 0
    while outcome.hits < n and not outcome.problems and idle < 10 * _MORE_ROUNDS:
        chance = random.Random(f"{seed} {name} {rounds}")
        rounds += 1
        done = inject(site, chance, n - outcome.hits)
        oracle.rest(done.runs, seconds=done.patience)
        outcome.problems += done.problems
        outcome.problems += oracle.problems(done.runs, effects=site.effects, expected=done.expected)
        outcome.hits += min(done.hits, n - outcome.hits)
        outcome.runs += len(done.runs)
        outcome.notes += done.notes
        outcome.recovery += done.recovery
        idle = 0 if done.hits else idle + 1
        forget(site, done.runs)
    if outcome.hits < n and not outcome.problems:
        outcome.problems.append(f"hit {outcome.hits} times only, in {rounds} rounds")
    outcome.seconds = time.monotonic() - began
    connection.close()
    return outcome


def forget(site: Site, runs: Collection[UUID]) -> None:
    """Effects of runs that were judged are not needed any more."""
    for run_id in runs:
        (site.effects / str(run_id)).unlink(missing_ok=True)


def again(runs: Collection[UUID], step_id: str, since: datetime) -> dict[UUID, float]:
    """Seconds from `since` until this step was started anew, for the runs in which it was."""
    events = ExecutionEvent.objects.filter(
        execution_id__in=runs,
        kind=history.STEP_STARTED,
        step_id=step_id,
        attempt__gt=1,
        created_at__gt=since,
    ).order_by("-id")
    return {e.execution_id: (e.created_at - since).total_seconds() for e in events}


def now() -> datetime:
    """The present, comparable with the database's clock, which is this machine's."""
    return datetime.now(UTC)
