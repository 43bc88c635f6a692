"""Servers that are emptied, killed or away."""

from __future__ import annotations

import signal
import threading
import time
from random import Random
from uuid import UUID

from django.db import InterfaceError, OperationalError, connection

from engine import history
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from tests.faults import loads, oracle
from tests.faults.site import Site
from tests.faults.trial import Round, now
from tests.support.workers import wait_until

_OPEN = 100  # runs at once
_START_SECONDS = 5.0  # in which a run is accepted, whatever the broker does


def _load(site: Site, random: Random, size: int, seconds: float) -> list[UUID]:
    return [site.start(random.choice(loads.ALL)(seconds)) for _ in range(size)]


def flush(site: Site, random: Random, wanted: int) -> Round:
    """FLUSHALL while messages wait in the queue and runs are half done."""
    site.staff(concurrency=4)
    runs = _load(site, random, 30, 0.3)
    time.sleep(random.uniform(0, 0.8))
    at = now()
    # One transaction of the broker: what it counts is what it throws away.
    with site.broker.pipeline(transaction=True) as pipeline:
        pipeline.llen("default")
        pipeline.flushall()
        waiting, _ = pipeline.execute()
    lost = list(
        StepExecution.objects.filter(execution_id__in=runs, status="ready").values_list(
            "id", flat=True
        )
    )
    oracle.rest(runs, seconds=60)
    starts = StepExecution.objects.filter(id__in=lost, started_at__gt=at)
    recovery = [
        (moment - at).total_seconds()
        for moment in starts.values_list("started_at", flat=True)
        if moment
    ]
    return Round(runs=runs, hits=int(waiting > 0 and bool(lost)), recovery=recovery)


def broker_down(site: Site, random: Random, wanted: int) -> Round:
    """The broker is killed with all that it holds, and comes back empty."""
    site.staff(concurrency=4)
    runs = _load(site, random, 20, 0.3)
    waiting = int(site.broker.llen("default"))
    site.valkey.stop(signal.SIGKILL)
    problems = []
    until = time.monotonic() + (10 if site.small else 60)
    while time.monotonic() < until:
        began = time.monotonic()
        runs.append(site.start(random.choice(loads.ALL)(0.1)))
        took = time.monotonic() - began
        if took > _START_SECONDS:
            problems.append(f"starting a run without a broker took {took:.1f} s")
            break
        time.sleep(1)
    (site.valkey.data / "dump.rdb").unlink(missing_ok=True)
    open_ones = WorkflowExecution.objects.filter(id__in=runs, status="running")
    hit = waiting > 0 and open_ones.exists()
    site.valkey.start()
    back = time.monotonic()
    oracle.rest(runs, seconds=60)
    return Round(runs=runs, hits=int(hit), recovery=[time.monotonic() - back], problems=problems)


def restart_postgres(site: Site) -> None:
    """`stop -m immediate`, and up again."""
    site.postgres.stop(signal.SIGQUIT)
    connection.close()
    site.postgres.start()


def postgres_stop(site: Site, random: Random, wanted: int) -> Round:
    """The database stops in the middle of runs, and recovers from its log."""
    site.staff(concurrency=4)
    runs = _load(site, random, 20, 0.3)
    running = StepExecution.objects.filter(execution_id__in=runs, status="running")
    wait_until(running.exists, what="a step to run")
    time.sleep(random.uniform(0, 0.5))
    hit = running.exists()
    restart_postgres(site)
    back = time.monotonic()
    oracle.rest(runs, seconds=60)
    return Round(runs=runs, hits=int(hit), recovery=[time.monotonic() - back])


def postgres_restarts(site: Site, random: Random, wanted: int) -> Round:
    """Restarts one after the other, while runs are started all the time.

    A run whose start failed may exist or not, never half. A hit is a run that was open while the
    server was stopped, or that was to be started then.
    """
    site.staff(concurrency=4)
    before = set(WorkflowExecution.objects.values_list("id", flat=True))
    starter = _Starter(site, random)
    open_ones: set[UUID] = set()
    recovery = []
    starter.start()
    try:
        for _ in range(min(5, 1 + wanted // 50)):
            time.sleep(random.uniform(1, 2))
            running = WorkflowExecution.objects.filter(status="running").exclude(id__in=before)
            open_ones |= set(running.values_list("id", flat=True))
            restart_postgres(site)
            back = time.monotonic()
            settled = ExecutionEvent.objects.filter(
                kind=history.STEP_COMPLETED, created_at__gt=now()
            )
            wait_until(settled.exists, what="a step to settle after the restart")
            recovery.append(time.monotonic() - back)
    finally:
        starter.stop()
    oracle.rest(starter.accepted, seconds=120)
    runs = set(WorkflowExecution.objects.values_list("id", flat=True)) - before
    problems = [f"accepted run {n} is gone" for n in set(starter.accepted) - runs]
    return Round(
        runs=list(runs),
        hits=len(open_ones & runs),
        recovery=recovery,
        problems=problems,
        patience=120,
    )


class _Starter(threading.Thread):
    """Starts runs as fast as they are done, also while the server is away.

    Attributes:
        accepted: those whose start was confirmed.
    """

    def __init__(self, site: Site, random: Random) -> None:
        super().__init__(name="starter", daemon=True)
        self.accepted: list[UUID] = []
        self._site, self._random = site, random
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                if _open_runs() < _OPEN:
                    self.accepted.append(self._site.start(self._random.choice(loads.ALL)(0.02)))
                else:
                    self._stopping.wait(0.05)
            except (OperationalError, InterfaceError):
                connection.close()
                self._stopping.wait(0.05)
        connection.close()

    def stop(self) -> None:
        self._stopping.set()
        self.join()


def _open_runs() -> int:
    return WorkflowExecution.objects.filter(status="running").count()
