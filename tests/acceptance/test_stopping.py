"""SIGTERM: a worker finishes its steps, or hands them back at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.models import User
from engine import history
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution, WorkflowWorker
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import calls, definition, start, statuses, step

StartWorker = Callable[..., Worker]


@pytest.fixture
def start_worker(
    no_workers: None, transactional_db: None, shared_worker: Worker, worker_folder: Path
) -> Iterator[StartWorker]:
    """Starts workers of the queue `default` that this test alone uses."""
    shared_worker.stop()
    started: list[Worker] = []

    def start_one(name: str, *, pool: str = "prefork") -> Worker:
        made = Worker("default", pool=pool, concurrency=2, folder=worker_folder, name=name)
        started.append(made)
        made.start()
        return made

    yield start_one
    for worker in started:
        worker.kill()


def run_slow(user: User, path: Path, seconds: float) -> WorkflowExecution:
    """A run whose step leaves a line in the file as it begins, and then takes its time."""
    slow = calls("tests.write", path=str(path), text="begun", seconds=seconds)
    run = start(definition(step("a", **slow), step("b", "a")), user=user)
    wait_until(lambda: path.exists() and statuses(run.id)["a"] == "running", what="the step")
    return run


def terminate(worker: Worker) -> float:
    """SIGTERM; how long it took to end."""
    assert worker.process is not None
    began = time.monotonic()
    worker.process.terminate()
    assert worker.process.wait(20) == 0
    worker.process = None
    return time.monotonic() - began


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_short_step_is_finished(
    user: User, start_worker: StartWorker, tmp_path: Path, pool: str
) -> None:
    worker = start_worker("short", pool=pool)
    run = run_slow(user, tmp_path / "effect", 3)
    assert 2 < terminate(worker) < 8
    row = StepExecution.objects.get(execution=run, step_id="a")
    assert (row.status, row.attempt) == ("completed", 1)
    start_worker("next")
    assert finish(run.id).status == "completed"
    assert (tmp_path / "effect").read_text() == "begun\n"
    assert not ExecutionEvent.objects.filter(kind=history.STEP_HANDED_BACK).exists()


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_long_step_is_handed_back_and_run_by_another(
    user: User,
    start_worker: StartWorker,
    tmp_path: Path,
    pool: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STOP_SECONDS", "1")
    worker = start_worker("long", pool=pool)
    effect = tmp_path / "effect"
    run = run_slow(user, effect, 60)
    start_worker("other")
    assert terminate(worker) < 6
    wait_until(lambda: effect.read_text() == "begun\n" * 2, what="the other worker", seconds=5)
    row = StepExecution.objects.get(execution=run, step_id="a")
    assert (row.status, row.attempt) == ("running", 2)
    kinds = list(
        ExecutionEvent.objects.filter(execution=run, step_id="a")
        .order_by("id")
        .values_list("kind", flat=True)
    )
    assert kinds == ["step.ready", "step.started", "step.handed_back", "step.started"]
    assert history.losses(row) == 0


def test_signal_to_the_whole_group_hands_back_at_once(
    user: User, start_worker: StartWorker, tmp_path: Path
) -> None:
    """systemd's default: every process of the unit gets the signal."""
    worker = start_worker("group")
    run = run_slow(user, tmp_path / "effect", 60)
    assert worker.process is not None
    os.killpg(worker.process.pid, 15)
    worker.process.wait(10)
    worker.process = None
    row = StepExecution.objects.get(execution=run, step_id="a")
    assert (row.status, row.attempt) == ("ready", 1)


def test_handing_back_counts_as_no_loss(
    user: User, start_worker: StartWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOP_SECONDS", "0")
    monkeypatch.setenv("WORKER_LOST_ATTEMPTS", "2")
    effect = tmp_path / "effect"
    worker = start_worker("stopped")
    run = run_slow(user, effect, 4)
    terminate(worker)
    worker = start_worker("killed")
    wait_until(lambda: effect.read_text() == "begun\n" * 2, what="the second attempt")
    worker.kill()
    start_worker("last")
    assert finish(run.id).status == "completed"
    row = StepExecution.objects.get(execution=run, step_id="a")
    assert (row.attempt, history.losses(row)) == (3, 1)


def test_row_of_a_worker(start_worker: StartWorker) -> None:
    worker = start_worker("seen")
    wait_until(WorkflowWorker.objects.exists, what="the row")
    row = WorkflowWorker.objects.get()
    assert worker.process is not None
    assert (row.kind, row.pid, row.queues) == ("worker", worker.process.pid, ["default"])
    assert (row.pool, row.concurrency, row.stopping) == ("prefork", 2, False)
    wait_until(
        lambda: WorkflowWorker.objects.get().seen_at > row.seen_at, what="another sign of life"
    )
    terminate(worker)
    assert not WorkflowWorker.objects.exists()


def test_row_shows_that_a_worker_stops(
    user: User, start_worker: StartWorker, tmp_path: Path
) -> None:
    worker = start_worker("stopping")
    run_slow(user, tmp_path / "effect", 3)
    assert worker.process is not None
    worker.process.terminate()
    wait_until(lambda: WorkflowWorker.objects.get().stopping, what="the row", seconds=2)
