"""A whole platform of its own for faults: servers that may be killed, workers, a user."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import connection
from redis import Redis

from core.models import User
from engine.models import StepExecution, Workflow
from engine.services import WorkflowEngine
from engine.workflows import create_workflow
from tests.support.workers import Worker, wait_until
from workflow_platform.local.postgres import Postgres
from workflow_platform.local.servers import LocalServers
from workflow_platform.local.valkey import Valkey

Result = TypeVar("Result")


class Site:
    """What faults are injected into.

    Attributes:
        workers: those that run at present.
        effects: the folder in which steps leave their effects.
        failpoints: a file in it arms a failpoint of the workers.
        small: whether this is the subset of the check.
    """

    def __init__(self, servers: LocalServers, folder: Path, *, small: bool) -> None:
        assert servers.postgres is not None
        assert servers.valkey is not None
        self.postgres: Postgres = servers.postgres
        self.valkey: Valkey = servers.valkey
        self.folder, self.small = folder, small
        self.effects, self.failpoints = folder / "effects", folder / "failpoints"
        self.workers: list[Worker] = []
        self.broker = Redis.from_url(os.environ["REDIS_URL"])
        self.user = User.objects.create_user("faults")
        self._saved: dict[str, Workflow] = {}
        self._shape: tuple[int, int, str] | None = None

    def staff(self, workers: int = 1, *, concurrency: int = 8, queue: str = "default") -> None:
        """Sees to it that just so many workers run, each with so many processes."""
        shape = workers, concurrency, queue
        if self._shape != shape:
            self.dismiss()
            self.workers = [
                Worker(
                    queue,
                    pool="prefork",
                    concurrency=concurrency,
                    folder=self.folder,
                    name=f"{queue}{n}",
                )
                for n in range(workers)
            ]
            self._shape = shape
        self._start_missing()

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Starts a worker that has died anew, as whatever supervises workers does."""
        ended = Event()

        def watch() -> None:
            while not ended.wait(0.5):
                with suppress(pytest.fail.Exception):  # it may die again while it starts
                    self._start_missing()

        thread = Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _start_missing(self) -> None:
        for worker in self.workers:
            if worker.process is None or worker.process.poll() is not None:
                worker.start()

    def dismiss(self) -> None:
        """Ends all workers."""
        for worker in self.workers:
            worker.stop()
        self.workers, self._shape = [], None

    def start(self, document: dict[str, Any]) -> UUID:
        """Starts a run of the definition."""
        text = repr(document)
        if text not in self._saved:
            self._saved[text] = create_workflow(document=document, owner=self.user)
        return self.run(self._saved[text])

    def run(self, workflow: Workflow) -> UUID:
        """Starts a run of the workflow's newest version."""
        engine = WorkflowEngine()
        context = engine.context_manager.create_context(str(self.user.id), "faults")
        return engine.execute_workflow(workflow, context).id

    def until_running(self, runs: list[UUID], step_id: str = "slow") -> list[StepExecution]:
        """Waits until this step runs in some of the runs, and a little for the others; the rows of
        those in which it does.
        """
        rows = StepExecution.objects.filter(
            execution_id__in=runs, step_id=step_id, status="running"
        ).only("execution_id", "step_id", "attempt", "lease_owner")
        wait_until(rows.exists, what=f"a step {step_id} to run")
        until = time.monotonic() + 0.5
        while rows.count() < len(runs) and time.monotonic() < until:
            time.sleep(0.02)
        return list(rows)

    def until_waiting(self, runs: list[UUID], step_id: str) -> None:
        """Waits until this step waits in each of the runs."""
        rows = StepExecution.objects.filter(
            execution_id__in=runs, step_id=step_id, status="waiting"
        )
        wait_until(lambda: rows.count() == len(runs), what=f"{len(runs)} steps {step_id} to wait")


def process_of(row: StepExecution) -> int:
    """The process that holds a running step."""
    return int(row.lease_owner.split(":")[1])


def at_once(*calls: Callable[[], Result]) -> list[Result | Exception]:
    """Does all of it at the same moment, each in a thread with its own database connection."""
    barrier = Barrier(len(calls))

    def do(call: Callable[[], Result]) -> Result | Exception:
        connection.ensure_connection()
        barrier.wait()
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(do, calls))
