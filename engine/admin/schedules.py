"""Schedules in the admin: saved through `engine.schedules`, which keeps beat's table in step."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cronsim import CronSim
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.audit.actors import by_request
from core.audit.recording import action, record_reading
from core.errors import PlatformError
from core.models import Role, User
from core.pages import ReadOnly
from core.security import WorkflowSecurityManager
from engine import definitions, schedules, selectors
from engine.admin.access import TabularInline, operator, reads_payloads
from engine.admin.display import NOTHING, moment, payload, short_id, span
from engine.admin.forms import JsonObjectField, problem_texts
from engine.admin.lists import LATEST, LatestFormSet, WideList
from engine.models import ScheduleFire, WorkflowSchedule
from engine.services import check_inputs


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg] # generic for the checker only
    """When, and what."""

    class Meta:
        model = WorkflowSchedule
        fields = (
            "name", "workflow", "cron", "interval_seconds", "timezone", "allow_overlap", "enabled",
        )  # fmt: skip


class ScheduleWithContextForm(ScheduleForm):
    """Also what each run is started with, for those who may read it."""

    context = JsonObjectField(initial=dict, help_text="What each run is started with: its inputs.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["context"] = self.instance.context

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        workflow = values.get("workflow")
        if workflow is not None and "context" in values:
            try:
                check_inputs(
                    definitions.load(selectors.newest_version_id(workflow)), values["context"]
                )
            except PlatformError as error:
                self.add_error("context", ValidationError(problem_texts(error)))
        return values


class FireInline(ReadOnly, TabularInline[ScheduleFire, WorkflowSchedule]):
    """What became of the latest due times."""

    model = ScheduleFire
    formset = LatestFormSet
    fields = ("due", "outcome", "run")
    readonly_fields = fields
    verbose_name_plural = f"due times (the latest {LATEST})"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # for everybody who may see the schedule

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduleFire]:
        return super().get_queryset(request).select_related("schedule")

    @admin.display(description="due")
    def due(self, fire: ScheduleFire) -> str:
        return moment(fire.fire_time, fire.schedule.timezone)

    @admin.display(description="run")
    def run(self, fire: ScheduleFire) -> str:
        return _run_link(fire.execution_id)


@admin.register(WorkflowSchedule)
class ScheduleAdmin(WideList[WorkflowSchedule]):
    """Runs belong to the operator who made the schedule, or to the workflow's owner where the
    operator may not run it.
    """

    list_display = (
        "name", "workflow", "rhythm", "timezone", "enabled", "next_due", "last_due", "last_outcome",
    )  # fmt: skip
    list_filter = ("enabled",)
    list_select_related = ("workflow",)
    title = "Schedules"
    search_fields = ("name", "workflow__name")
    autocomplete_fields = ("workflow",)
    readonly_fields = ("user", "next_due", "beat_entry", "open_context", "sealed_context")
    inlines = (FireInline,)
    actions = ("enable", "disable")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkflowSchedule]:
        fires = ScheduleFire.objects.filter(schedule=OuterRef("pk")).order_by("-fire_time")
        rows = super().get_queryset(request).defer("workflow__definition")
        return rows.annotate(
            **{name: Subquery(fires.values(name)[:1]) for name in ("fire_time", "outcome")},
            fired_run=Subquery(fires.values("execution_id")[:1]),
        )

    def get_form(
        self,
        request: HttpRequest,
        obj: WorkflowSchedule | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        kwargs["form"] = ScheduleWithContextForm if _edits_context(request, obj) else ScheduleForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: WorkflowSchedule | None = None) -> Any:
        context = "sealed_context"
        if _edits_context(request, obj):
            editable = obj is None or self.has_change_permission(request, obj)
            context = "context" if editable else "open_context"
        what: tuple[str, ...] = ("name", "workflow", context)
        when: tuple[Any, ...] = (
            ("cron", "interval_seconds"),
            "timezone",
            "allow_overlap",
            "enabled",
        )
        if obj is not None:
            what, when = (*what, "user"), (*when, "next_due", "beat_entry")
        return [(None, {"fields": what}), ("When", {"fields": when})]

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: WorkflowSchedule | None = None,
    ) -> HttpResponse:
        if obj is not None and reads_payloads(request):
            record_reading(by_request(request), obj, fields=["context"])
        return super().render_change_form(request, context, add, change, form_url, obj)

    def get_inlines(self, request: HttpRequest, obj: WorkflowSchedule | None) -> list[Any]:
        return [FireInline] if obj else []

    def save_model(
        self, request: HttpRequest, obj: WorkflowSchedule, form: Any, change: bool
    ) -> None:
        if "context" in form.cleaned_data:
            obj.context = form.cleaned_data["context"]
        if not change:
            obj.user = _runs_for(obj, operator(request))
        schedules.save_schedule(obj)

    def delete_model(self, request: HttpRequest, obj: WorkflowSchedule) -> None:
        schedules.delete_schedule(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[WorkflowSchedule]) -> None:
        for schedule in queryset:
            schedules.delete_schedule(schedule)

    @admin.action(description="Enable selected schedules", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[WorkflowSchedule]) -> None:
        self._switch(request, queryset, on=True)

    @admin.action(description="Disable selected schedules", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[WorkflowSchedule]) -> None:
        self._switch(request, queryset, on=False)

    def _switch(
        self, request: HttpRequest, queryset: QuerySet[WorkflowSchedule], *, on: bool
    ) -> None:
        changed = list(queryset.exclude(enabled=on))
        done = "enabled" if on else "disabled"
        for schedule in changed:
            schedule.enabled = on
            with action(by_request(request), "schedule.update", schedule, enabled=on):
                schedules.save_schedule(schedule)
                self.log_change(request, schedule, f"{done.capitalize()}.")
        count = len(changed)
        messages.success(request, f"{count} schedule{'' if count == 1 else 's'} {done}.")

    @admin.display(description="rhythm")
    def rhythm(self, schedule: WorkflowSchedule) -> str:
        return schedule.cron or f"every {span(schedule.interval_seconds)}"

    @admin.display(description="next due")
    def next_due(self, schedule: WorkflowSchedule) -> str:
        if not schedule.enabled:
            return NOTHING
        return moment(upcoming(schedule, timezone.now()), schedule.timezone)

    @admin.display(description="last due")
    def last_due(self, schedule: WorkflowSchedule) -> str:
        return moment(vars(schedule).get("fire_time"), schedule.timezone)

    @admin.display(description="outcome")
    def last_outcome(self, schedule: WorkflowSchedule) -> SafeString:
        kept = vars(schedule)
        text = kept.get("outcome") or NOTHING
        return format_html("{} {}", text, _run_link(kept.get("fired_run")))

    @admin.display(description="entry in beat")
    def beat_entry(self, schedule: WorkflowSchedule) -> str:
        return (
            f"The periodic task 'schedule {schedule.pk}' belongs to this schedule and is written "
            "anew at every save: change the schedule, not the task."
        )

    @admin.display(description="context")
    def open_context(self, schedule: WorkflowSchedule) -> SafeString:
        return format_html(
            '<pre class="wf-pre">{}</pre>', payload(schedule, "context", allowed=True)
        )

    @admin.display(description="context")
    def sealed_context(self, schedule: WorkflowSchedule) -> str:
        return payload(schedule, "context", allowed=False)


def upcoming(schedule: WorkflowSchedule, after: datetime) -> datetime | None:
    """The next due time, as `schedules.due_time` would name it; None where there is none."""
    if not schedule.cron:
        every = timedelta(seconds=schedule.interval_seconds or 1)
        return schedule.created_at + every * math.ceil((after - schedule.created_at) / every)
    found = next(CronSim(schedule.cron, after.astimezone(schedule.timezone)), None)
    return found.astimezone(UTC) if found else None


def _edits_context(request: HttpRequest, schedule: WorkflowSchedule | None) -> bool:
    return schedule is None or reads_payloads(request)


def _runs_for(schedule: WorkflowSchedule, operator: User) -> User:
    may = WorkflowSecurityManager().validate_user_access
    if may(operator.pk, schedule.workflow_id, Role.RUNNER) or schedule.workflow.owner is None:
        return operator
    return schedule.workflow.owner


def _run_link(pk: UUID | None) -> str:
    if pk is None:
        return NOTHING
    url = reverse("admin:workflow_engine_workflowexecution_change", args=[pk])
    return format_html('<a href="{}"><code>{}</code></a>', url, short_id(pk))
