"""/health with a real worker and a real beat: there, gone, killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from engine.models import WorkflowWorker
from tests.support.workers import QUICK, ROOT, Worker, wait_until


@pytest.fixture
def client(settings: Settings) -> Client:
    settings.ENGINE_RECONCILE_SECONDS = float(QUICK["RECONCILE_SECONDS"])
    return Client()


@pytest.fixture
def beat(transactional_db: None, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [
        sys.executable, "-m", "celery", "-A", "workflow_platform", "beat", "-l", "INFO",
        "--pidfile", str(tmp_path / "beat.pid"),
    ]  # fmt: skip
    name = str(django_settings.DATABASES["default"]["NAME"])
    environment = {**os.environ, **QUICK, "DB_NAME": name}
    with (tmp_path / "beat.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    yield process
    process.kill()
    process.wait()


def parts(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/health").json()["parts"]
    return found


def test_workers_by_queue(client: Client, worker: Worker, ai_worker: Worker) -> None:
    wait_until(lambda: parts(client)["workers"]["state"] == "ok", what="both queues")
    response = client.get("/health")
    # No beat is here: schedules stand still, runs do not.
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    found = response.json()["parts"]["workers"]
    assert {name: queue["workers"] for name, queue in found["queues"].items()} == {
        "default": 1,
        "ai": 1,
    }
    assert 0 <= found["age_seconds"] < 2
    worker.kill()
    wait_until(lambda: client.get("/health").status_code == 503, what="the loss to be told")
    found = parts(client)["workers"]
    assert found["state"] == "down"
    assert found["queues"]["ai"]["state"] == "ok"
    assert found["queues"]["default"]["state"] == "down"
    assert found["queues"]["default"]["age_seconds"] > 1


def test_beat(client: Client, beat: subprocess.Popen[bytes]) -> None:
    wait_until(lambda: parts(client)["beat"]["state"] == "ok", what="beat")
    assert parts(client)["beat"]["age_seconds"] < 2
    row = WorkflowWorker.objects.get(kind="beat")
    assert (row.pid, row.queues) == (beat.pid, [])
    entry = PeriodicTask.objects.get(task="engine.reconcile")
    assert entry.enabled
    assert (entry.interval.every, entry.interval.period) == (30, "seconds")
    beat.terminate()
    beat.wait(10)
    assert not WorkflowWorker.objects.filter(kind="beat").exists()
    assert parts(client)["beat"] == {"state": "down", "age_seconds": None}


def test_stopped_beat(client: Client, beat: subprocess.Popen[bytes]) -> None:
    wait_until(lambda: parts(client)["beat"]["state"] == "ok", what="beat")
    beat.kill()
    wait_until(lambda: parts(client)["beat"]["state"] == "down", what="the loss to be told")
    assert parts(client)["beat"]["age_seconds"] > 1
