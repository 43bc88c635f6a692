"""Workers that die, stand still or are told to go."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from random import Random
from uuid import UUID

from engine import history
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from tests.faults import loads, oracle
from tests.faults.loads import Document, effect
from tests.faults.report import p95
from tests.faults.site import Site, process_of
from tests.faults.trial import Round, again, now
from tests.support.workers import wait_until
from tests.support.workflows import definition

LEASE = 2.0
_PACE = 0.1  # seconds between runs beside poisonous ones
_BETWEEN = 40  # such runs for each poisonous one, which kills three processes in a few seconds


def kill_worker(site: Site, random: Random, wanted: int) -> Round:
    """kill -9 of the processes that hold a slow step, at a random moment of it."""
    site.staff(concurrency=8)
    runs = [site.start(random.choice(loads.ALL)(2.0)) for _ in range(min(wanted, 6))]
    held = site.until_running(runs)
    time.sleep(random.uniform(0, 1.0))
    at = now()
    for row in held:
        os.kill(process_of(row), signal.SIGKILL)
    oracle.rest(runs, seconds=60)
    recovery = list(again(runs, "slow", at).values())
    return Round(runs=runs, hits=len(recovery), recovery=recovery)


def kill_all(site: Site, random: Random, wanted: int) -> Round:
    """kill -9 of a worker with its whole pool, and a new one in its place."""
    site.staff(concurrency=4)
    runs = [site.start(random.choice(loads.ALL)(1.0)) for _ in range(6)]
    started = StepExecution.objects.filter(
        execution_id__in=runs, step_id="slow", status="running", attempt=1
    )
    wait_until(lambda: started.exists(), what="a slow step to run")
    time.sleep(random.uniform(0, 0.5))
    at = now()
    for worker in site.workers:
        worker.kill()
    site.staff(concurrency=4)
    back = now()
    oracle.rest(runs, seconds=60)
    lost = again(runs, "slow", at)
    recovery = [max(0.0, seconds - (back - at).total_seconds()) for seconds in lost.values()]
    return Round(runs=runs, hits=int(bool(lost)), recovery=recovery)


def stopped_worker(site: Site, random: Random, wanted: int) -> Round:
    """A process stands still beyond its lease; its step is done by another; then it goes on."""
    site.staff(workers=2, concurrency=6)
    runs = [site.start(random.choice(loads.ALL)(1.5)) for _ in range(min(wanted, 4))]
    held = site.until_running(runs)
    at = now()
    pids = [process_of(row) for row in held]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(LEASE + random.uniform(1.5, 3.5))
    taken = again(runs, "slow", at)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    time.sleep(1)  # in which the late ones try to settle
    return Round(runs=runs, hits=len(taken), recovery=list(taken.values()))


def rolling_restart(site: Site, random: Random, wanted: int) -> Round:
    """SIGTERM to one of two workers while steps run in it: they finish, and nothing is lost."""
    site.staff(workers=2, concurrency=4)
    runs = [site.start(random.choice(loads.ALL)(1.0)) for _ in range(8)]
    site.until_running(runs)
    worker = random.choice(site.workers)
    inside = {child.pid for child in worker.children()}
    running = StepExecution.objects.filter(execution_id__in=runs, status="running")
    caught = [row.id for row in running if process_of(row) in inside]
    worker.process.terminate() if worker.process else None
    runs += [site.start(random.choice(loads.ALL)(0.2)) for _ in range(4)]
    code = worker.process.wait(30) if worker.process else None
    site.staff(workers=2, concurrency=4)
    oracle.rest(runs, seconds=60)
    problems = [] if code == 0 else [f"the worker ended with {code}"]
    again_started = StepExecution.objects.filter(id__in=caught, attempt__gt=1).count()
    if again_started:
        problems.append(f"{again_started} steps were lost by a worker that was told to go")
    return Round(runs=runs, hits=int(bool(caught)), problems=problems)


def out_of_memory(site: Site, random: Random, wanted: int) -> Round:
    """The kernel's way: SIGKILL to the step's own process, on its first attempt."""
    site.staff(concurrency=8)
    deadly = definition(
        effect("a"), effect("slow", "a", deadly_attempts=1), effect("end", "slow"), name="Deadly"
    )
    at = now()
    runs = [site.start(deadly) for _ in range(min(wanted, 10))]
    oracle.rest(runs, seconds=60)
    recovery = list(again(runs, "slow", at).values())
    return Round(runs=runs, hits=len(recovery), recovery=recovery)


def poison(site: Site, random: Random, wanted: int) -> Round:
    """Steps that always kill their process fail in the end; others hardly notice."""
    site.staff(workers=2, concurrency=4)
    deadly = definition(effect("a", deadly_attempts=100), effect("b", "a"), name="Poison")
    count = min(wanted, 15)
    calm, _ = _others(site, _BETWEEN)
    disturbed: dict[UUID, float] = {}
    poisoned: list[UUID] = []
    while len(poisoned) < count:
        some = min(5, count - len(poisoned))
        took, deadly_runs = _others(site, some * _BETWEEN, beside=[deadly] * some)
        disturbed |= took
        poisoned += deadly_runs
        oracle.rest(poisoned, seconds=60)
        calm |= _others(site, _BETWEEN * 2)[0]  # in turn: what else the machine does changes
    problems = list(oracle.problems(poisoned, effects=site.effects, expected=("failed",)))
    codes = set(
        WorkflowExecution.objects.filter(id__in=poisoned).values_list("error_code", flat=True)
    )
    if codes != {"worker_lost"}:
        problems.append(f"poisoned runs failed with {codes}")
    before, after = p95(list(calm.values())), p95(list(disturbed.values()))
    slack = 1.5 if site.small else 0  # a check shares its machine with others
    if after > 2 * before + slack:
        problems.append(f"p95 of other runs rose from {before:.2f} s to {after:.2f} s")
    lost = ExecutionEvent.objects.filter(execution_id__in=poisoned, kind=history.STEP_LOST)
    hurt = ExecutionEvent.objects.filter(
        execution_id__in=disturbed, kind__in=(history.STEP_LOST, history.STEP_RESENT)
    )
    return Round(
        runs=[*calm, *disturbed],
        hits=len(poisoned) if lost.count() >= len(poisoned) else 0,
        problems=problems,
        notes=[
            f"p95 of other runs {before:.2f} s without, {after:.2f} s beside it;"
            f" {hurt.count()} of their steps lost"
        ],
    )


def _others(
    site: Site, size: int, beside: Sequence[Document] = ()
) -> tuple[dict[UUID, float], list[UUID]]:
    """Runs started at a steady pace, with how many seconds each took, and others spread between
    them.
    """
    runs: list[UUID] = []
    spread: list[UUID] = []
    for n in range(size):
        if beside and n * len(beside) // size >= len(spread):
            spread.append(site.start(beside[len(spread)]))
        runs.append(site.start(loads.chain(0.05)))
        time.sleep(_PACE)
    oracle.rest(runs, seconds=30)
    times = WorkflowExecution.objects.filter(id__in=runs).values_list(
        "id", "started_at", "completed_at"
    )
    took = {pk: (end - start).total_seconds() for pk, start, end in times if start and end}
    return took, spread
