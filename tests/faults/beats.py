"""Two beats on the same schedules, and beats that were away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from random import Random

from django.db.models import QuerySet
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from django_celery_results.models import TaskResult

from engine import schedules
from engine.models import ScheduleFire, WorkflowSchedule
from engine.workflows import create_workflow
from tests.faults.loads import effect
from tests.faults.site import Site
from tests.faults.trial import Round
from tests.support.workers import ROOT, wait_until
from tests.support.workflows import definition
from workflow_platform.local.processes import dies_with

_AWAY = timedelta(minutes=10)


def two_beats(site: Site, random: Random, wanted: int) -> Round:
    """Two beats send each due time twice; both are killed; the next two find that every schedule
    fired last ten minutes ago.

    A hit is a due time that was asked for again and answered "already fired".
    """
    site.staff(concurrency=4)
    made = [_schedule(site, n) for n in range(20)]
    fires = ScheduleFire.objects.filter(schedule__in=made)
    repeats = TaskResult.objects.filter(result__contains="already fired")
    before = repeats.count()
    enough = min(wanted, 50)
    with _beats(site):
        _wait_for(repeats, before + enough // 2)
        time.sleep(random.uniform(0, 2))
    time.sleep(1)  # what they have sent comes in
    away_since = datetime.now(UTC)
    known = set(fires.values_list("id", flat=True))
    entries = PeriodicTask.objects.filter(task=schedules.FIRE_SCHEDULE, enabled=True)
    entries.update(last_run_at=away_since - _AWAY)
    PeriodicTasks.update_changed()
    with _beats(site):
        back = datetime.now(UTC)
        _wait_for(repeats, before + enough)
        late = fires.exclude(id__in=known)
        wait_until(
            lambda: late.values("schedule").distinct().count() == len(made),
            what="every schedule to fire again",
            seconds=90,  # a minute, where cron's was there already
        )
        for schedule in made:
            schedule.enabled = False
            schedules.save_schedule(schedule)
    time.sleep(1)
    problems = _twice(fires)
    missed = late.filter(fire_time__lt=away_since - timedelta(minutes=1)).count()
    if missed:
        problems.append(f"{missed} times of the ten minutes without a beat were made up for")
    first = late.order_by("created_at").first()
    assert first is not None
    return Round(
        runs=[fire.execution_id for fire in fires if fire.execution_id],
        hits=repeats.count() - before,
        recovery=[(first.created_at - back).total_seconds()],
        problems=problems,
    )


def _schedule(site: Site, number: int) -> WorkflowSchedule:
    """Every fourth by cron, the others each second."""
    document = definition(effect("a"), name=f"Fired {number}")
    when = {"cron": "* * * * *"} if number % 4 == 0 else {"interval_seconds": 1}
    schedule = WorkflowSchedule(
        name=f"Often {number}",
        workflow=create_workflow(document=document, owner=site.user),
        user=site.user,
        allow_overlap=True,
        **when,
    )
    schedules.save_schedule(schedule)
    return schedule


def _twice(fires: QuerySet[ScheduleFire]) -> list[str]:
    started = [(f.schedule_id, f.fire_time, f.execution_id) for f in fires if f.execution_id]
    problems = []
    if len({run for _, _, run in started}) != fires.filter(outcome="started").count():
        problems.append("a run was started twice, or a fire has none")
    if len({(schedule, at) for schedule, at, _ in started}) != len(started):
        problems.append("a due time fired twice")
    return problems


@contextmanager
def _beats(site: Site) -> Iterator[None]:
    """Two beats, which are killed at the end."""
    command = [
        sys.executable, "-m", "celery", "-A", "workflow_platform", "beat", "--max-interval", "1",
        "--pidfile=",
    ]  # fmt: skip
    with (site.folder / "beat.log").open("ab") as log:
        running = [
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=dies_with(os.getpid(), signal.SIGKILL),
            )
            for _ in range(2)
        ]
    try:
        yield
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def _wait_for(rows: QuerySet[TaskResult], number: int) -> None:
    wait_until(lambda: rows.count() >= number, what=f"{number} repeated fires", seconds=120)
