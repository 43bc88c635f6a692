"""The pages of django-celery-beat and django-celery-results beside the engine's own."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_results.models import GroupResult, TaskResult

from engine.models import WorkflowSchedule
from tests.engine.admin.conftest import SCRIPT, text


def test_entry_of_a_schedule_is_shown_and_not_edited(
    admin_client: Client, schedule: WorkflowSchedule
) -> None:
    entry = PeriodicTask.objects.get(name=f"schedule {schedule.pk}")
    page = reverse("admin:django_celery_beat_periodictask_change", args=[entry.pk])
    assert "Starts the workflow" in text(admin_client.get(page))
    assert admin_client.post(page, {"name": "mine"}).status_code == 403
    delete = reverse("admin:django_celery_beat_periodictask_delete", args=[entry.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    listed = text(admin_client.get(reverse("admin:django_celery_beat_periodictask_changelist")))
    assert "Starts the workflow" in listed
    assert SCRIPT not in listed


def test_other_periodic_tasks_are_edited(admin_client: Client) -> None:
    every = IntervalSchedule.objects.create(every=10, period="minutes")
    task = PeriodicTask.objects.create(name="Mine", task="engine.reconcile", interval=every)
    page = reverse("admin:django_celery_beat_periodictask_change", args=[task.pk])
    text(admin_client.get(page))
    data = {
        "name": "Yours", "regtask": "", "task": "engine.reconcile", "enabled": "on",
        "interval": str(every.pk), "args": "[]", "kwargs": "{}", "headers": "{}",
    }  # fmt: skip
    assert admin_client.post(page, data).status_code == 302
    task.refresh_from_db()
    assert task.name == "Yours"


def test_pages_of_results_and_rhythms(admin_client: Client, schedule: WorkflowSchedule) -> None:
    result = TaskResult.objects.create(
        task_id="t1", task_name="standalone", status="SUCCESS", result=f'"{SCRIPT}"'
    )
    GroupResult.objects.create(group_id="g1", result="[]")
    for name in (
        "django_celery_results_taskresult_changelist",
        "django_celery_results_groupresult_changelist",
        "django_celery_beat_periodictask_changelist",
        "django_celery_beat_periodictask_add",
        "django_celery_beat_crontabschedule_changelist",
        "django_celery_beat_intervalschedule_changelist",
        "django_celery_beat_clockedschedule_changelist",
        "django_celery_beat_solarschedule_changelist",
    ):
        text(admin_client.get(reverse(f"admin:{name}")))
    shown = admin_client.get(
        reverse("admin:django_celery_results_taskresult_change", args=[result.pk])
    )
    assert SCRIPT not in text(shown)
