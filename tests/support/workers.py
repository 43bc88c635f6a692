"""Real Celery worker processes for the tests, on the test database and the embedded broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from django.conf import settings
from django.db import OperationalError, connection

from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from workflow_platform.local.processes import dies_with

ROOT = Path(__file__).resolve().parents[2]
# Short, so that recovery takes seconds.
QUICK = {"LEASE_SECONDS": "2", "RECONCILE_SECONDS": "0.5", "RESEND_SECONDS": "2"}
ENDED = ("completed", "failed", "cancelled")


class Worker:
    """One `celery worker` and its pool."""

    def __init__(
        self, queue: str, *, pool: str, concurrency: int, folder: Path, name: str | None = None
    ) -> None:
        self.queue, self.pool, self.concurrency = queue, pool, concurrency
        self.name = name or queue
        self.log = folder / f"worker-{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it takes messages."""
        offset = self.log.stat().st_size if self.log.exists() else 0
        command = [
            sys.executable, "-m", "celery", "-A", "workflow_platform", "worker",
            "-Q", self.queue, "-P", self.pool, "-c", str(self.concurrency),
            "-n", f"{self.name}-{os.getpid()}@test", "--without-gossip", "--without-mingle",
            "-l", "INFO",
        ]  # fmt: skip
        # The kernel counts the death of the thread that starts it: one that ends first is no use.
        lasting = threading.current_thread() is threading.main_thread()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=dies_with(os.getpid(), signal.SIGKILL) if lasting else None,
                env={
                    **os.environ,
                    **QUICK,
                    "DB_NAME": str(settings.DATABASES["default"]["NAME"]),
                    "PROMETHEUS_PORT": "0",
                },
            )
        wait_until(lambda: b" ready." in self.log.read_bytes()[offset:], what="the worker to start")

    def children(self) -> list[psutil.Process]:
        """The pool's processes."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def kill(self) -> None:
        """SIGKILL to the worker and its pool at once."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Ends it as an operator would."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None


def wait_until(
    condition: Callable[[], Any], *, what: str, seconds: float = 30, every: float = 0.02
) -> None:
    """Waits for the condition to hold; fails the test, saying for what it waited."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s for {what}")
        time.sleep(every)


def finish(execution_id: UUID, *, seconds: float = 30) -> WorkflowExecution:
    """Waits until the run has ended; shows its steps where it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run = WorkflowExecution.objects.get(id=execution_id)
        if run.status in ENDED:
            return run
        time.sleep(0.02)
    steps = list(StepExecution.objects.filter(execution_id=execution_id))
    shown = [(s.step_id, s.status, s.attempt, s.arrived) for s in steps[:50]]
    events = ExecutionEvent.objects.filter(execution_id=execution_id).order_by("-id")[:10]
    pytest.fail(f"run not ended in {seconds:g} s: {shown} {[str(e) for e in events]}")


_shared: list[Worker] = []


def _running(queue: str, pool: str, concurrency: int, folder: Path) -> Iterator[Worker]:
    worker = Worker(queue, pool=pool, concurrency=concurrency, folder=folder)
    worker.start()
    _shared.append(worker)
    try:
        yield worker
    finally:
        worker.stop()


@pytest.fixture(scope="session")
def patient_flush(django_db_setup: None) -> None:
    """Lets emptying the tables after a test wait for what living workers are still asking.

    TRUNCATE locks one table after the other, and a worker's query does so in another order:
    PostgreSQL ends one of two that wait for each other, which may be the TRUNCATE.
    """
    flush = connection.ops.execute_sql_flush

    def again_after_deadlock(sql_list: Iterable[str]) -> None:
        statements = list(sql_list)
        for _ in range(20):
            try:
                return flush(statements)
            except OperationalError as error:
                if "deadlock" not in str(error):
                    raise
        return flush(statements)

    connection.ops.execute_sql_flush = again_after_deadlock  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def worker_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workers")


@pytest.fixture(scope="session")
def shared_worker(patient_flush: None, worker_folder: Path) -> Iterator[Worker]:
    yield from _running("default", "prefork", 2, worker_folder)


@pytest.fixture(scope="session")
def shared_ai_worker(patient_flush: None, worker_folder: Path) -> Iterator[Worker]:
    yield from _running("ai", "threads", 4, worker_folder)


@pytest.fixture
def worker(transactional_db: None, shared_worker: Worker) -> Worker:
    """A prefork worker of two processes on the queue `default`, started again where a test killed
    it.
    """
    if shared_worker.process is None or shared_worker.process.poll() is not None:
        shared_worker.start()
    return shared_worker


@pytest.fixture
def ai_worker(transactional_db: None, shared_ai_worker: Worker) -> Worker:
    """A thread-pool worker on the queue `ai`."""
    if shared_ai_worker.process is None or shared_ai_worker.process.poll() is not None:
        shared_ai_worker.start()
    return shared_ai_worker


@pytest.fixture
def no_workers() -> None:
    """No shared worker lives during the test, which does itself what workers do.

    They start again with the next test that wants them.
    """
    stop_shared_workers()


def stop_shared_workers() -> None:
    """Ends those that other tests have started; the next test that wants one starts it again."""
    for worker in _shared:
        worker.stop()
