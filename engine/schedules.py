"""Schedules: their entries in Celery beat, and what happens when one is due."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cronsim import CronSim, CronSimError
from django.db import IntegrityError, transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from core.errors import PlatformError
from core.models import Role
from core.security import WorkflowSecurityManager
from engine import definitions, selectors
from engine.models import ExecutionStatus, ScheduleFire, WorkflowSchedule
from engine.services import WorkflowEngine, check_inputs

logger = logging.getLogger(__name__)

FIRE_SCHEDULE = "engine.fire_schedule"
# How long beat's message may take before a due time counts as missed.
_GRACE = timedelta(seconds=30)
_OPEN = (ExecutionStatus.PENDING, ExecutionStatus.RUNNING, ExecutionStatus.PAUSED)


def check_cron(cron: str) -> str | None:
    """What is wrong with a cron expression; None where it is good."""
    if len(cron.split()) != 5:
        return "A cron expression has five fields: minute hour day month weekday."
    try:
        next(CronSim(cron, datetime.now(UTC)))
    except (CronSimError, StopIteration) as error:
        return f"Not a cron expression: {error}"
    return None


def save_schedule(schedule: WorkflowSchedule) -> None:
    """Writes the schedule and its entry in beat's table, which beat re-reads within seconds.

    Raises:
        ValidationError: cron, interval or time zone do not fit.
        InvalidContext: the workflow cannot be started with the schedule's context.
    """
    schedule.full_clean()
    definition = definitions.load(selectors.newest_version_id(schedule.workflow))
    check_inputs(definition, schedule.context)
    with transaction.atomic():
        schedule.save()
        entry: dict[str, Any] = {
            "task": FIRE_SCHEDULE,
            "args": json.dumps([str(schedule.id)]),
            "enabled": schedule.enabled,
            "description": f"Starts the workflow {schedule.workflow.name}.",
            "crontab": None,
            "interval": None,
        }
        if schedule.cron:
            minute, hour, day, month, weekday = schedule.cron.split()
            entry["crontab"], _ = CrontabSchedule.objects.get_or_create(
                minute=minute,
                hour=hour,
                day_of_month=day,
                month_of_year=month,
                day_of_week=weekday,
                timezone=schedule.timezone,
            )
        else:
            entry["interval"], _ = IntervalSchedule.objects.get_or_create(
                every=schedule.interval_seconds, period=IntervalSchedule.SECONDS
            )
        PeriodicTask.objects.update_or_create(name=_entry_name(schedule), defaults=entry)


def delete_schedule(schedule: WorkflowSchedule) -> None:
    """Deletes the schedule and its entry in beat's table. Its runs stay."""
    with transaction.atomic():
        for entry in PeriodicTask.objects.filter(name=_entry_name(schedule)):
            entry.delete()
        schedule.delete()


def _entry_name(schedule: WorkflowSchedule) -> str:
    return f"schedule {schedule.id}"


def due_time(schedule: WorkflowSchedule, sent_at: datetime) -> datetime:
    """The due time that a message sent at this moment stands for.

    For cron the last match up to then; for an interval the nearest point of the grid that begins
    with the schedule's creation. Several beats, late messages and repeated ones give the same time.
    """
    if schedule.cron:
        local = sent_at.astimezone(schedule.timezone) + timedelta(minutes=1)
        found = next(CronSim(schedule.cron, local.replace(second=0, microsecond=0), reverse=True))
        return found.astimezone(UTC)
    every = timedelta(seconds=schedule.interval_seconds or 1)
    return schedule.created_at + every * round((sent_at - schedule.created_at) / every)


def fire(schedule_id: UUID, *, sent_at: str | None) -> str:
    """Starts the run of a schedule's due time, once.

    Args:
        sent_at: when beat sent the message, which decides the due time it stands for.

    Returns:
        `started`, or why not: `gone`, `disabled`, `already fired`, `overlap`, `no access` or the
        error's code.
    """
    moment = datetime.fromisoformat(sent_at) if sent_at else datetime.now(UTC)
    with transaction.atomic():
        schedule = (
            WorkflowSchedule.objects.select_for_update(of=("self",))
            .select_related("workflow", "user")
            .filter(id=schedule_id)
            .first()
        )
        if schedule is None:
            return "gone"
        if not schedule.enabled:
            return "disabled"
        try:
            with transaction.atomic():
                fired = ScheduleFire.objects.create(
                    schedule=schedule, fire_time=due_time(schedule, moment)
                )
        except IntegrityError:
            return "already fired"
        if not schedule.allow_overlap and _last_run_is_open(schedule):
            fired.outcome = "overlap"
        else:
            fired.outcome = _start(schedule, fired)
        fired.save(update_fields=["outcome", "execution"])
        return fired.outcome


def catch_up() -> int:
    """Fires the last due time of each schedule for which nothing came: beat was down, or its
    message was lost with the broker or a worker. Returns how many.
    """
    missed: dict[UUID, datetime] = {}
    latest = datetime.now(UTC) - _GRACE
    for schedule in WorkflowSchedule.objects.filter(enabled=True).defer("context"):
        try:
            due = _last_due(schedule, latest)
        except Exception:  # one that cannot be read must not stand before the others
            logger.exception("schedule %s: its due time is not known", schedule.id)
            continue
        if due is not None and due > schedule.updated_at:
            missed[schedule.id] = due
    fires = ScheduleFire.objects.filter(schedule__in=missed, fire_time__in=set(missed.values()))
    for schedule_id, fire_time in fires.values_list("schedule_id", "fire_time"):
        if missed.get(schedule_id) == fire_time:
            del missed[schedule_id]
    for schedule_id, due in missed.items():
        try:
            logger.warning("schedule %s: due at %s and not fired until now", schedule_id, due)
            fire(schedule_id, sent_at=due.isoformat())
        except Exception:
            logger.exception("schedule %s: not fired", schedule_id)
    return len(missed)


def _last_due(schedule: WorkflowSchedule, moment: datetime) -> datetime | None:
    if schedule.cron:
        return due_time(schedule, moment)
    every = timedelta(seconds=schedule.interval_seconds or 1)
    slot = (moment - schedule.created_at) // every
    return schedule.created_at + every * slot if slot > 0 else None


def _last_run_is_open(schedule: WorkflowSchedule) -> bool:
    return ScheduleFire.objects.filter(schedule=schedule, execution__status__in=_OPEN).exists()


def _start(schedule: WorkflowSchedule, fired: ScheduleFire) -> str:
    # Rights may have been taken away since the schedule was made.
    security = WorkflowSecurityManager()
    if not security.validate_user_access(schedule.user_id, schedule.workflow_id, Role.RUNNER):
        return "no access"
    engine = WorkflowEngine()
    context = engine.context_manager.create_context(
        user_id=str(schedule.user_id),
        session_id=f"schedule:{schedule.id}",
        data=schedule.context,
    )
    try:
        with transaction.atomic():
            fired.execution = engine.execute_workflow(
                schedule.workflow,
                context,
                idempotency_key=f"schedule:{schedule.id}:{fired.fire_time.isoformat()}",
            )
    except PlatformError as error:
        return error.code[:20]
    return "started"
