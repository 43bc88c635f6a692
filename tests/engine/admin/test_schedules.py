"""Schedules: saved and deleted together with their entry in beat's table."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django_celery_beat.models import PeriodicTask
from pytest_django import DjangoAssertNumQueries

from core.models import User
from engine.admin.schedules import upcoming
from engine.models import ScheduleFire, Workflow, WorkflowExecution, WorkflowSchedule
from engine.schedules import fire
from tests.engine.admin.conftest import PLAIN, Staff, text, url

FIRES = {
    "fires-TOTAL_FORMS": "0",
    "fires-INITIAL_FORMS": "0",
    "fires-MIN_NUM_FORMS": "0",
    "fires-MAX_NUM_FORMS": "0",
}


def values(workflow: Workflow, **changed: str) -> dict[str, str]:
    return {
        "name": "Nightly",
        "workflow": str(workflow.pk),
        "context": '{"amount": 3}',
        "cron": "0 2 * * *",
        "interval_seconds": "",
        "timezone": "Europe/Berlin",
        "enabled": "on",
        **FIRES,
        **changed,
    }


def entry(schedule: WorkflowSchedule) -> PeriodicTask:
    return PeriodicTask.objects.get(name=f"schedule {schedule.pk}")


def test_new_schedule_has_its_entry_in_beat(
    admin_client: Client, operator: User, workflow: Workflow
) -> None:
    response = admin_client.post(url("workflowschedule", "add"), values(workflow))
    assert response.status_code == 302
    made = WorkflowSchedule.objects.get()
    assert (made.user, made.context, made.enabled) == (operator, {"amount": 3}, True)
    assert json.loads(entry(made).args) == [str(made.pk)]
    assert entry(made).crontab.hour == "2"


@pytest.mark.parametrize(
    ("changed", "field", "fault"),
    [
        ({"cron": "every day"}, "cron", "five fields"),
        ({"cron": ""}, "cron", "either a cron expression or an interval"),
        ({"interval_seconds": "60"}, "interval_seconds", "either a cron expression or an interval"),
        ({"timezone": "Mars/Base"}, "timezone", "valid choice"),
        ({"context": "{"}, "context", "JSON"),
        ({"context": "[]"}, "context", "JSON object"),
        ({"context": '{"amount": "many"}'}, "context", "amount"),
    ],
)
def test_faults_are_shown_at_their_field(
    admin_client: Client, workflow: Workflow, changed: dict[str, str], field: str, fault: str
) -> None:
    response = admin_client.post(url("workflowschedule", "add"), values(workflow, **changed))
    assert fault in " ".join(response.context["adminform"].form.errors[field])
    assert not WorkflowSchedule.objects.exists()
    assert not PeriodicTask.objects.filter(name__startswith="schedule ").exists()


def test_empty_context_will_do(admin_client: Client, workflow: Workflow) -> None:
    Workflow.objects.filter(pk=workflow.pk).update(latest=2)
    document = {**workflow.definition}
    del document["inputs"]
    workflow.versions.create(number=2, version="2", definition=document, created_by="t")
    page = url("workflowschedule", "add")
    assert admin_client.post(page, values(workflow, context="{}")).status_code == 302
    assert WorkflowSchedule.objects.get().context == {}


def test_change_reaches_beat(admin_client: Client, schedule: WorkflowSchedule) -> None:
    page = url("workflowschedule", "change", schedule.pk)
    changed = values(schedule.workflow, cron="", interval_seconds="90", enabled="")
    assert admin_client.post(page, changed).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.cron, schedule.interval_seconds, schedule.enabled) == ("", 90, False)
    assert (entry(schedule).interval.every, entry(schedule).enabled) == (90, False)


def test_who_may_not_read_the_context_keeps_it(staff: Staff, schedule: WorkflowSchedule) -> None:
    client = staff("view_workflowschedule", "change_workflowschedule", "view_workflow")
    page = url("workflowschedule", "change", schedule.pk)
    assert client.post(page, values(schedule.workflow)).status_code == 302
    schedule.refresh_from_db()
    assert schedule.name == "Nightly"
    assert schedule.context == {"amount": 1, "secret": PLAIN}


def test_switching_several(admin_client: Client, schedule: WorkflowSchedule) -> None:
    listed = url("workflowschedule", "changelist")
    for action, enabled in (("disable", False), ("disable", False), ("enable", True)):
        data = {"action": action, "_selected_action": str(schedule.pk)}
        assert admin_client.get(listed, data).status_code in (200, 302)
        assert admin_client.post(listed, data).status_code == 302
        schedule.refresh_from_db()
        assert (schedule.enabled, entry(schedule).enabled) == (enabled, enabled)


def test_switching_needs_the_permission_to_change(staff: Staff, schedule: WorkflowSchedule) -> None:
    data = {"action": "disable", "_selected_action": str(schedule.pk)}
    staff("view_workflowschedule").post(url("workflowschedule", "changelist"), data)
    schedule.refresh_from_db()
    assert schedule.enabled


@pytest.mark.parametrize("from_list", [False, True])
def test_deleting_takes_the_entry_along(
    admin_client: Client, schedule: WorkflowSchedule, from_list: bool
) -> None:
    page, data = url("workflowschedule", "delete", schedule.pk), {"post": "yes"}
    if from_list:
        page = url("workflowschedule", "changelist")
        data |= {"action": "delete_selected", "_selected_action": str(schedule.pk)}
    assert admin_client.post(page, data).status_code == 302
    assert not WorkflowSchedule.objects.exists()
    assert not PeriodicTask.objects.filter(name__startswith="schedule ").exists()


def test_fires_are_listed(
    admin_client: Client,
    schedule: WorkflowSchedule,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    monday = datetime(2026, 11, 23, 5, 30, tzinfo=UTC)
    assert fire(schedule.pk, sent_at=monday.isoformat()) == "started"
    run = WorkflowExecution.objects.get()
    for n in range(1, 30):
        past = monday - timedelta(days=n)
        ScheduleFire.objects.create(schedule=schedule, fire_time=past, outcome="overlap")
    with django_assert_max_num_queries(12):
        page = text(admin_client.get(url("workflowschedule", "change", schedule.pk)))
    assert page.count("overlap</p>") == 19
    assert url("workflowexecution", "change", run.pk) in page
    assert "2026-11-23 06:30:00 CET" in page
    assert f"schedule {schedule.pk}" in page
    changed = values(schedule.workflow)
    address = url("workflowschedule", "change", schedule.pk)
    assert admin_client.post(address, changed).status_code == 302


def test_list_tells_what_comes_and_what_was(
    admin_client: Client,
    operator: User,
    schedule: WorkflowSchedule,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for n in range(10):
        made = WorkflowSchedule(
            name=f"Every {n}", workflow=schedule.workflow, user=operator, interval_seconds=60 + n
        )
        made.save()  # as it was before the workflow wanted an amount
        fire(made.pk, sent_at=None)
    with django_assert_max_num_queries(7):
        page = text(admin_client.get(url("workflowschedule", "changelist")))
    assert page.count('class="field-rhythm"') == 11
    assert "30 6 * * 1-5" in page
    assert "06:30:00 CET" in page
    assert "every 1 min 5 s" in page
    assert "invalid_context" in page


CREATED = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "after", "expected"),
    [
        ({"interval_seconds": 60}, CREATED + timedelta(seconds=61), CREATED + timedelta(minutes=2)),
        # The night between changes to summer time.
        ({"cron": "30 6 * * *"}, CREATED, datetime(2026, 3, 29, 4, 30, tzinfo=UTC)),
        ({"cron": "0 12 * * 1"}, CREATED, datetime(2026, 3, 30, 10, 0, tzinfo=UTC)),
    ],
)
def test_upcoming(fields: dict[str, Any], after: datetime, expected: datetime) -> None:
    schedule = WorkflowSchedule(created_at=CREATED, timezone=ZoneInfo("Europe/Berlin"), **fields)
    assert upcoming(schedule, after) == expected
