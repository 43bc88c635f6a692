from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django_celery_beat.models import PeriodicTask

from core.models import User
from engine import schedules
from engine.errors import InvalidContext
from engine.models import ScheduleFire, WorkflowExecution, WorkflowSchedule
from engine.services import WorkflowEngine
from engine.workflows import create_workflow, delete_workflow
from tests.support.workflows import definition, step


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def made(user: User, **fields: object) -> WorkflowSchedule:
    workflow = create_workflow(document=definition(step("a")), owner=user)
    schedule = WorkflowSchedule(name="Nightly", workflow=workflow, user=user, **fields)
    schedules.save_schedule(schedule)
    return schedule


@pytest.mark.parametrize(
    ("cron", "zone", "sent", "due"),
    [
        ("0 9 * * *", "UTC", "2026-05-04 09:00:00.3", "2026-05-04 09:00"),
        ("0 9 * * *", "UTC", "2026-05-04 09:00:59", "2026-05-04 09:00"),
        # Beat was down: what it sends later stands for the time that it missed.
        ("0 9 * * *", "UTC", "2026-05-04 09:12:00", "2026-05-04 09:00"),
        ("*/5 * * * *", "UTC", "2026-05-04 09:12:00", "2026-05-04 09:10"),
        # Berlin is two hours ahead in May, one in January.
        ("0 9 * * *", "Europe/Berlin", "2026-05-04 07:00:01", "2026-05-04 07:00"),
        ("0 9 * * *", "Europe/Berlin", "2026-01-05 08:00:01", "2026-01-05 08:00"),
    ],
)
def test_due_time_of_cron(cron: str, zone: str, sent: str, due: str) -> None:
    schedule = WorkflowSchedule(cron=cron, timezone=ZoneInfo(zone))
    assert schedules.due_time(schedule, at(sent)) == at(due)


@pytest.mark.parametrize(
    ("seconds", "slot"), [(0, 0), (9.9, 1), (10.1, 1), (14.9, 1), (15.1, 2), (20.4, 2)]
)
def test_due_time_of_interval_is_on_a_grid(seconds: float, slot: int) -> None:
    born = at("2026-05-04 09:00")
    schedule = WorkflowSchedule(interval_seconds=10, created_at=born)
    due = schedules.due_time(schedule, born + timedelta(seconds=seconds))
    assert due == born + timedelta(seconds=10 * slot)


@pytest.mark.parametrize("cron", ["", "* * * *", "61 * * * *", "a b c d e", "0 0 31 2 *"])
def test_bad_cron_is_refused(cron: str) -> None:
    assert schedules.check_cron(cron)


@pytest.mark.django_db
def test_cron_or_interval_not_both(user: User) -> None:
    for fields in ({}, {"cron": "0 9 * * *", "interval_seconds": 5}, {"cron": "nonsense"}):
        with pytest.raises(ValidationError):
            made(user, **fields)
    assert not WorkflowSchedule.objects.exists()
    assert not PeriodicTask.objects.filter(task=schedules.FIRE_SCHEDULE).exists()


@pytest.mark.django_db
def test_beat_has_an_entry_while_the_schedule_lives(user: User) -> None:
    schedule = made(user, cron="0 9 * * 1-5", timezone="Europe/Berlin")
    entry = PeriodicTask.objects.get(task=schedules.FIRE_SCHEDULE)
    assert str(entry.crontab.timezone) == "Europe/Berlin"
    schedule.cron, schedule.interval_seconds, schedule.enabled = "", 60, False
    schedules.save_schedule(schedule)
    entry.refresh_from_db()
    assert (entry.crontab, entry.interval.every, entry.enabled) == (None, 60, False)
    schedules.delete_schedule(schedule)
    assert not PeriodicTask.objects.filter(task=schedules.FIRE_SCHEDULE).exists()


@pytest.mark.django_db
def test_one_due_time_starts_one_run(user: User) -> None:
    schedule = made(user, cron="0 9 * * *", context={"n": 1})
    said = [
        schedules.fire(schedule.id, sent_at=sent)
        for sent in ("2026-05-04T09:00:00+00:00", "2026-05-04T09:00:02+00:00")
    ]
    assert said == ["started", "already fired"]
    run = WorkflowExecution.objects.get()
    assert run.context["data"] == {"n": 1}
    assert run.user == user


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("allowed", "ended", "outcome"),
    [(False, False, "overlap"), (True, False, "started"), (False, True, "started")],
)
def test_overlap(user: User, *, allowed: bool, ended: bool, outcome: str) -> None:
    schedule = made(user, interval_seconds=60, allow_overlap=allowed)
    first = schedule.created_at + timedelta(minutes=1)
    assert schedules.fire(schedule.id, sent_at=first.isoformat()) == "started"
    if ended:
        WorkflowEngine().cancel_workflow(WorkflowExecution.objects.get().id)
    later = first + timedelta(minutes=1)
    assert schedules.fire(schedule.id, sent_at=later.isoformat()) == outcome
    assert ScheduleFire.objects.filter(outcome=outcome).exists()


@pytest.mark.django_db
def test_disabled_or_deleted_schedules_start_nothing(user: User) -> None:
    schedule = made(user, interval_seconds=60, enabled=False)
    assert schedules.fire(schedule.id, sent_at=None) == "disabled"
    schedules.delete_schedule(schedule)
    assert schedules.fire(schedule.id, sent_at=None) == "gone"
    assert not WorkflowExecution.objects.exists()


@pytest.mark.django_db
def test_a_deleted_workflow_takes_its_schedules_along(user: User) -> None:
    schedule = made(user, interval_seconds=60)
    delete_workflow(workflow=schedule.workflow)
    assert not PeriodicTask.objects.filter(task=schedules.FIRE_SCHEDULE).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("lost", ["the share", "the account"])
def test_who_has_lost_access_starts_nothing(user: User, lost: str) -> None:
    schedule = made(user, interval_seconds=60)
    if lost == "the share":
        schedule.workflow.owner = None
        schedule.workflow.save()
    else:
        user.is_active = False
        user.save()
    assert schedules.fire(schedule.id, sent_at=None) == "no access"
    assert not WorkflowExecution.objects.exists()


@pytest.mark.django_db
def test_a_context_that_cannot_start_is_refused_when_saved(user: User) -> None:
    document = definition(step("a"), inputs={"type": "object", "required": ["q"]})
    workflow = create_workflow(document=document, owner=user)
    schedule = WorkflowSchedule(name="x", workflow=workflow, user=user, interval_seconds=60)
    with pytest.raises(InvalidContext):
        schedules.save_schedule(schedule)
    assert not WorkflowSchedule.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("timing", "born", "edited", "enabled", "fires"),
    [
        ({"interval_seconds": 60}, 200, 200, True, 1),
        (
            {"interval_seconds": 60},
            80,
            80,
            True,
            0,
        ),  # due 20 s ago: beat's message may be on its way
        ({"interval_seconds": 3600}, 200, 200, True, 0),  # not due yet
        ({"interval_seconds": 60}, 200, 10, True, 0),  # another schedule when it was due
        ({"interval_seconds": 60}, 200, 200, False, 0),
        ({"cron": "* * * * *"}, 200, 200, True, 1),
        ({"cron": "0 0 1 1 *"}, 200, 200, True, 0),
    ],
)
def test_what_beat_missed_is_caught_up_once(
    user: User, timing: dict[str, object], born: int, edited: int, enabled: bool, fires: int
) -> None:
    schedule = made(user, **timing, enabled=enabled)
    now = datetime.now(UTC)
    WorkflowSchedule.objects.filter(id=schedule.id).update(
        created_at=now - timedelta(seconds=born), updated_at=now - timedelta(seconds=edited)
    )
    assert schedules.catch_up() == fires
    assert schedules.catch_up() == 0
    assert WorkflowExecution.objects.filter(workflow=schedule.workflow).count() == fires
    if fires:
        fired = ScheduleFire.objects.get(schedule=schedule)
        assert fired.outcome == "started"
        assert now - timedelta(seconds=100) < fired.fire_time < now - timedelta(seconds=29)
