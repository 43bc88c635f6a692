"""Each cause that keeps a run from moving, brought about for real and named."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import current_app
from django.db import connection
from pytest_django import Settings

from core.models import User
from engine import broker, canvas
from engine.models import StepExecution, WorkflowExecution, WorkflowWorker
from engine.services import WorkflowEngine
from tests.support.cast import ASK, Cast
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import calls, definition, start, statuses, step
from workflow_platform.local.servers import SOCKETS_PARENT, LocalServers
from workflow_platform.settings import broker_url


class Observer:
    """Asks the API why runs of the owner wait."""

    def __init__(self, cast: Cast) -> None:
        self.api, self.user = cast.owner.api, cast.owner.user

    def reasons(self, run: WorkflowExecution) -> dict[str, dict[str, Any]]:
        """Cause -> its reason; the last where several steps have it."""
        response = self.api.get(f"/api/v1/executions/{run.id}/waiting")
        assert response.status_code == 200, response.json()
        return {reason["cause"]: reason for reason in response.json()["reasons"]}

    def wait_for(self, run: WorkflowExecution, cause: str, seconds: float = 15) -> dict[str, Any]:
        """The reason with this cause, once the API names it."""
        wait_until(lambda: cause in self.reasons(run), what=f"{cause} to be named", seconds=seconds)
        return self.reasons(run)[cause]


@pytest.fixture
def observer(transactional_db: None, cast: Cast, settings: Settings) -> Observer:
    # As the workers of the tests have them.
    settings.ENGINE_LEASE_SECONDS = 2
    settings.ENGINE_RECONCILE_SECONDS = 0.5
    settings.ENGINE_RESEND_SECONDS = 2
    return Observer(cast)


@pytest.fixture
def alone(shared_worker: Worker, observer: Observer) -> Iterator[None]:
    """No worker is there."""
    shared_worker.stop()
    broker._client().flushdb()
    yield
    broker._client().flushdb()


@contextmanager
def own_worker(folder: Path, name: str, *, concurrency: int = 1) -> Iterator[Worker]:
    worker = Worker("default", pool="prefork", concurrency=concurrency, folder=folder, name=name)
    worker.start()
    try:
        yield worker
    finally:
        worker.kill()


def slow_run(user: User, seconds: float) -> WorkflowExecution:
    run = start(definition(step("a", **calls("tests.slow", seconds=seconds))), user=user)
    wait_until(lambda: statuses(run.id)["a"] == "running", what="the step to run")
    return run


@pytest.mark.usefixtures("worker")
def test_person_then_paused_then_nothing(observer: Observer) -> None:
    run = start(definition(step("first"), ASK, step("last", "ask")), user=observer.user)
    reason = observer.wait_for(run, "person")
    entered = run.events.get(kind="step.waiting").created_at
    assert (reason["step_id"], reason["since"]) == (
        "ask",
        entered.isoformat().replace("+00:00", "Z"),
    )
    assert set(observer.reasons(run)) == {"person"}
    assert WorkflowEngine().pause_workflow(run.id)
    paused = observer.reasons(run)
    assert set(paused) == {"paused"}
    assert paused["paused"]["since"] > reason["since"]
    WorkflowEngine().cancel_workflow(run.id)
    assert observer.reasons(run) == {}


@pytest.mark.usefixtures("worker")
def test_retry_delay(observer: Observer) -> None:
    failing = step("a", **calls("tests.fail"), retry={"max_attempts": 2, "delay": 60})
    run = start(definition(failing), user=observer.user)
    reason = observer.wait_for(run, "retry_delay")
    assert (reason["step_id"], reason["details"]["attempt"]) == ("a", 1)
    assert reason["details"]["until"] > reason["since"]


@pytest.mark.usefixtures("alone")
def test_stopped_worker_then_busy_worker(
    observer: Observer, worker_folder: Path, tmp_path: Path
) -> None:
    with own_worker(worker_folder, "busy") as worker:
        blocking = slow_run(observer.user, 30)
        moving = observer.wait_for(blocking, "moving")
        assert moving["details"]["worker"]
        behind = start(definition(step("a")), user=observer.user)
        reason = observer.wait_for(behind, "queue_backlog")
        assert reason["details"]["queue"] == "default"
        assert reason["details"]["workers"] == 1
        worker.kill()
        # Its row is there, but nobody is seen any more.
        assert WorkflowWorker.objects.exists()
        reason = observer.wait_for(behind, "no_worker")
        assert reason["details"]["last_seen"] <= reason["since"].replace("Z", "+00:00")


@pytest.mark.usefixtures("alone")
def test_no_worker_has_ever_been_there(observer: Observer) -> None:
    run = start(definition(step("a"), step("b")), user=observer.user)
    reason = observer.wait_for(run, "no_worker")
    assert reason["details"] == {"queue": "default", "messages": 1, "steps": 2}


@pytest.mark.usefixtures("alone", "no_workers")
def test_every_cause_of_a_wide_run_is_named_and_counted(observer: Observer) -> None:
    asking = [
        step(f"b{n}", step_type="AI_GENERATED", config={"prompt": "Say something."})
        for n in range(25)
    ]
    run = start(definition(*(step(f"a{n}") for n in range(60)), *asking), user=observer.user)
    observer.wait_for(run, "no_worker")
    response = observer.api.get(f"/api/v1/executions/{run.id}/waiting").json()
    counted = {r["details"]["queue"]: r["details"]["steps"] for r in response["reasons"]}
    assert counted == {"default": 60, "ai": 25}


@pytest.mark.usefixtures("alone")
def test_killed_pool_process(observer: Observer, worker_folder: Path, settings: Settings) -> None:
    # One that is slow to take back, so that the cause can be seen.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "tests.support.workers.QUICK", {"LEASE_SECONDS": "6", "RECONCILE_SECONDS": "3"}
        )
        settings.ENGINE_LEASE_SECONDS = 6
        with own_worker(worker_folder, "bereft") as worker:
            run = slow_run(observer.user, 30)
            row = StepExecution.objects.get(execution=run)
            pid = int(row.lease_owner.split(":")[1])
            assert pid in {child.pid for child in worker.children()}
            assert set(observer.reasons(run)) == {"moving"}
            os.kill(pid, signal.SIGKILL)
            reason = observer.wait_for(run, "dead_worker")
            assert (reason["step_id"], reason["details"]["worker"]) == ("a", row.lease_owner)


@pytest.mark.usefixtures("alone")
def test_lost_message(observer: Observer, worker_folder: Path, settings: Settings) -> None:
    with pytest.MonkeyPatch.context() as patch:
        quick = {"RECONCILE_SECONDS": "0.5", "RESEND_SECONDS": "60"}
        patch.setattr("tests.support.workers.QUICK", quick)
        settings.ENGINE_RESEND_SECONDS = 60
        with own_worker(worker_folder, "unasked") as worker:
            wait_until(WorkflowWorker.objects.exists, what="the worker's row")
            assert worker.process is not None
            os.kill(worker.process.pid, signal.SIGSTOP)
            time.sleep(1.5)  # until it does not ask the broker any more
            run = start(definition(step("a")), user=observer.user)
            broker._client().delete("default")
            os.kill(worker.process.pid, signal.SIGCONT)
            reason = observer.wait_for(run, "message_lost")
            assert reason["details"]["until"] > reason["since"]


@pytest.mark.usefixtures("alone")
def test_broker_down(observer: Observer, own_broker: LocalServers, worker_folder: Path) -> None:
    with own_worker(worker_folder, "cut-off"):
        assert own_broker.valkey is not None
        own_broker.valkey.stop(signal.SIGKILL)
        run = start(definition(step("a")), user=observer.user)
        reason = observer.reasons(run)["broker_down"]  # told while the broker is away
        assert reason["details"]["queue"] == "default"
        own_broker.valkey.start()
        assert finish(run.id).status == "completed"


@pytest.mark.usefixtures("alone")
def test_no_time_limit_fires_for_what_ended_while_the_broker_was_away(
    observer: Observer,
    own_broker: LocalServers,
    worker_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(canvas, "_GRACE", 0)
    slow = step("a", **calls("tests.slow", seconds=0.7), timeout=1)
    with own_worker(worker_folder, "patient") as worker:
        assert own_broker.valkey is not None
        processes = {child.pid for child in worker.children()}
        runs = [start(definition(slow), user=observer.user) for _ in processes]
        running = StepExecution.objects.filter(status="running")
        wait_until(lambda: running.count() == len(runs), what="the steps to run")
        own_broker.valkey.stop(signal.SIGKILL)
        assert [finish(run.id).status for run in runs] == ["completed"] * len(runs)
        time.sleep(1.5)  # the limits pass
        own_broker.valkey.start()
        after = start(definition(step("a"), step("b", "a")), user=observer.user)
        assert finish(after.id).status == "completed"
        assert {child.pid for child in worker.children()} == processes


@pytest.fixture
def own_broker(
    alone: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LocalServers]:
    """A broker that no other test uses, for this process and for workers that are started."""
    folder = Path(tempfile.mkdtemp(prefix="wf-", dir=SOCKETS_PARENT))
    folder.chmod(0o711)
    before = settings.REDIS_URL
    with LocalServers(folder, postgres=False, valkey=True, durable=False) as servers:
        url = servers.environment["REDIS_URL"]
        monkeypatch.setenv("REDIS_URL", url)
        _use_broker(settings, url)
        yield servers
        _use_broker(settings, before)
    shutil.rmtree(folder, ignore_errors=True)


def _use_broker(settings: Settings, url: str) -> None:
    settings.REDIS_URL = url
    broker._client.cache_clear()
    app: Any = current_app
    app.conf.broker_url = broker_url(url)
    app._pool = app.amqp._producer_pool = None


@pytest.mark.usefixtures("worker")
def test_locked_database(observer: Observer) -> None:
    run = slow_run(observer.user, 0.5)
    wanted = connection.get_connection_params()
    keys = ("dbname", "user", "password", "host", "port")
    with psycopg.connect(**{key: wanted[key] for key in keys}) as other:
        other.execute("SELECT FROM workflow_executions WHERE id = %s FOR UPDATE", [run.id])
        reason = observer.wait_for(run, "database_slow")
        assert reason["details"]["statements"] >= 1
        assert reason["since"] is not None
        other.rollback()
    assert finish(run.id).status == "completed"
