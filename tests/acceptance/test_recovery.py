"""What is lost comes back: killed workers, an emptied broker, a poison step."""

from __future__ import annotations

import os
import signal
from uuid import UUID

import psutil
import pytest
from django.db.models import Count

from core.models import User
from engine import history
from engine.broker import _client, queue_lengths
from engine.models import ExecutionEvent, StepExecution
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import calls, definition, start, statuses, step


def outcomes(execution_id: UUID) -> list[int]:
    """How many committed outcomes each step of a run has."""
    ends = (history.STEP_COMPLETED, history.STEP_FAILED, history.STEP_SKIPPED)
    return list(
        ExecutionEvent.objects.filter(execution_id=execution_id, kind__in=ends)
        .values("step_id")
        .annotate(n=Count("id"))
        .values_list("n", flat=True)
    )


def test_killed_child_costs_an_attempt_and_nothing_else(user: User, worker: Worker) -> None:
    document = definition(
        step("a", **calls("tests.slow", seconds=1.5)), step("b", "a"), step("c", "b")
    )
    run = start(document, user=user)
    row = StepExecution.objects.get(execution=run, step_id="a")
    wait_until(lambda: statuses(run.id)["a"] == "running", what="the step to run")
    row.refresh_from_db()
    pid = int(row.lease_owner.split(":")[1])
    assert pid in {child.pid for child in worker.children()}
    os.kill(pid, signal.SIGKILL)
    assert finish(run.id).status == "completed"
    row.refresh_from_db()
    assert row.attempt >= 2
    assert outcomes(run.id) == [1, 1, 1]


def test_killed_child_is_replaced_at_once(worker: Worker) -> None:
    for _ in range(4):
        killed = worker.children()[0]
        os.kill(killed.pid, signal.SIGKILL)
        wait_until(lambda: _whole(worker), what="a new process", seconds=2)


def _whole(worker: Worker) -> bool:
    alive = [c for c in worker.children() if c.status() != psutil.STATUS_ZOMBIE]
    return len(alive) == worker.concurrency


def test_killed_worker_and_pool_restarted(user: User, worker: Worker) -> None:
    slow = step("a", **calls("tests.slow", seconds=1))
    runs = [start(definition(slow, step("b", "a")), user=user) for _ in range(4)]
    wait_until(
        lambda: StepExecution.objects.filter(status="running").exists(), what="a step to run"
    )
    worker.kill()
    worker.start()
    assert [finish(run.id).status for run in runs] == ["completed"] * 4
    assert all(outcomes(run.id) == [1, 1] for run in runs)


def test_emptied_broker_delays_and_loses_nothing(user: User, worker: Worker) -> None:
    worker.stop()
    branches = [step(f"b{n}", "a", **calls("tests.slow")) for n in range(3)]
    document = definition(step("a"), *branches, step("end", "b0", "b1", "b2"))
    runs = [start(document, user=user) for _ in range(5)]
    assert (queue_lengths() or {})["default"] == 5
    _client().flushdb()  # FLUSHALL, of the database that this test run has
    assert (queue_lengths() or {})["default"] == 0
    worker.start()
    assert [finish(run.id).status for run in runs] == ["completed"] * 5
    for run in runs:
        assert ExecutionEvent.objects.filter(execution=run, kind=history.STEP_RESENT).exists()
        assert outcomes(run.id) == [1] * 5


def test_step_that_kills_its_worker_fails_in_the_end(user: User, worker: Worker) -> None:
    poison = finish_poison = start(definition(step("a", **calls("tests.die"))), user=user)
    other = start(definition(step("a"), step("b", "a")), user=user)
    assert finish(other.id).status == "completed"
    ended = finish(finish_poison.id, seconds=40)
    assert (ended.status, ended.error_code) == ("failed", "worker_lost")
    assert StepExecution.objects.get(execution=poison).attempt == 3


@pytest.mark.usefixtures("worker")
def test_message_delivered_five_times_has_one_outcome(user: User) -> None:
    from engine import canvas, definitions

    run = start(
        definition(step("a", **calls("tests.slow", seconds=0.1)), step("b", "a")), user=user
    )
    for _ in range(4):
        canvas.send(run.id, definitions.of_run(run.id), [0])
    assert finish(run.id).status == "completed"
    assert outcomes(run.id) == [1, 1]
