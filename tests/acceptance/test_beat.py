"""Two real beats on one schedule start each due run once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django_celery_results.models import TaskResult

from core.models import User
from engine import schedules
from engine.models import ScheduleFire, WorkflowExecution, WorkflowSchedule
from engine.workflows import create_workflow
from tests.support.workers import ROOT, finish, wait_until
from tests.support.workflows import definition, step


@pytest.fixture
def beats(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    """Two beats, as a deployment has them by mistake."""
    command = [
        sys.executable, "-m", "celery", "-A", "workflow_platform", "beat", "-l", "INFO",
        "--max-interval", "1",
    ]  # fmt: skip
    environment = {**os.environ, "DB_NAME": str(settings.DATABASES["default"]["NAME"])}
    running = []
    for n in range(2):
        with (tmp_path / f"beat-{n}.log").open("wb") as log:
            arguments = [*command, "--pidfile", str(tmp_path / f"beat-{n}.pid")]
            running.append(
                subprocess.Popen(
                    arguments, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
                )
            )
    yield
    for process in running:
        process.terminate()
    for process in running:
        process.wait(15)


@pytest.mark.usefixtures("worker", "beats")
def test_two_beats_fire_once(user: User) -> None:
    workflow = create_workflow(document=definition(step("a")), owner=user)
    schedule = WorkflowSchedule(
        name="Often", workflow=workflow, user=user, interval_seconds=2, allow_overlap=True
    )
    schedules.save_schedule(schedule)
    wait_until(lambda: WorkflowExecution.objects.count() >= 3, what="three runs", seconds=40)
    schedule.enabled = False
    schedules.save_schedule(schedule)
    for run in WorkflowExecution.objects.all():
        assert finish(run.id).status == "completed"
    times = list(ScheduleFire.objects.values_list("fire_time", flat=True))
    assert len(times) == len(set(times))
    assert ScheduleFire.objects.filter(outcome="started").count() == len(times)
    # Standalone tasks leave their result for the operators.
    assert TaskResult.objects.filter(task_name="engine.fire_schedule", status="SUCCESS").exists()
    repeated = TaskResult.objects.filter(result__contains="already fired").count()
    assert repeated >= 1, "the second beat sent nothing, so this proved nothing"
