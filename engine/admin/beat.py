"""Beat's periodic tasks: those that belong to a schedule are shown and changed there alone."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

# The import registers beat's own pages, of which the one below replaces one.
from django_celery_beat.admin import PeriodicTaskAdmin
from django_celery_beat.models import PeriodicTask

from engine.schedules import FIRE_SCHEDULE

admin.site.unregister(PeriodicTask)


@admin.register(PeriodicTask)
class EntryAdmin(PeriodicTaskAdmin):  # type: ignore[misc] # django-celery-beat has no types
    """Beat's page, except that a schedule's entry is read-only: saving the schedule rewrites it."""

    change_form_template = "workflow_engine/admin/beat_entry.html"
    list_display = ("name", "description", "enabled", "scheduler", "last_run_at")
    list_filter = ("enabled", "one_off", "task")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _owned(obj) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return not _owned(obj) and bool(super().has_delete_permission(request, obj))


def _owned(entry: Any) -> bool:
    return entry is not None and entry.task == FIRE_SCHEDULE
