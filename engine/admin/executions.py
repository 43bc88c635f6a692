"""Runs in the admin: the list, a run's page with its time line, and its history."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.audit.actors import by_request
from core.audit.recording import record_reading
from engine.admin import controls, run_page
from engine.admin.access import operator, page_url
from engine.admin.display import elapsed, moment, short_id
from engine.admin.lists import (
    ExecutionList,
    LongList,
    WaitingFilter,
    WorkflowFilter,
    by_id,
    counts_of,
    settled,
)
from engine.models import WorkflowExecution

EVENTS_A_PAGE = 200


@admin.register(WorkflowExecution)
class ExecutionAdmin(LongList[WorkflowExecution]):
    """Runs are steered here and never edited: a status is written by the engine alone."""

    list_display = (
        "short_id", "workflow_name", "user", "state", "progress", "started", "duration",
        "error_code",
    )  # fmt: skip
    list_display_links = ("short_id",)
    list_filter = ("status", WaitingFilter, WorkflowFilter, "created_at")
    list_select_related = ("workflow", "user")
    title = "Runs"
    search_fields = ("id",)
    search_help_text = "A run's id or how it begins, at least four digits."
    sortable_by = ("started",)
    actions = tuple(controls.list_action(control) for control in controls.CONTROLS.values())

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Whether the operator may pause and resume runs."""
        return operator(request).has_perm(controls.CONTROLS["pause"].permission)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        """Whether the operator may cancel runs."""
        return operator(request).has_perm(controls.CONTROLS["cancel"].permission)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Whether the operator may retry runs."""
        return operator(request).has_perm(controls.CONTROLS["retry"].permission)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ExecutionList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        return (by_id(queryset, "id", search_term) if search_term else queryset), False

    @admin.display(description="run", ordering="id")
    def short_id(self, run: WorkflowExecution) -> SafeString:
        return format_html('<code title="{}">{}</code>', run.id, short_id(run.id))

    @admin.display(description="workflow")
    def workflow_name(self, run: WorkflowExecution) -> str:
        return str(run.workflow)

    @admin.display(description="status")
    def state(self, run: WorkflowExecution) -> SafeString:
        return run_page.run_state(run, counts_of(run))

    @admin.display(description="progress")
    def progress(self, run: WorkflowExecution) -> SafeString:
        counts = counts_of(run)
        return format_html(
            '<progress class="wf-progress" value="{0}" max="{1}"></progress> {0}/{1}',
            settled(counts),
            counts.total(),
        )

    @admin.display(description="started", ordering="created_at")
    def started(self, run: WorkflowExecution) -> str:
        return moment(run.started_at)

    @admin.display(description="duration")
    def duration(self, run: WorkflowExecution) -> str:
        return elapsed(run.started_at, run.completed_at)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<uuid:pk>/events/",
                view(self.events_view),
                name="workflow_engine_workflowexecution_events",
            ),
            *(
                path(
                    f"<uuid:pk>/{name}/",
                    view(self.control_view),
                    {"name": name},
                    name=f"workflow_engine_workflowexecution_{name}",
                )
                for name in controls.CONTROLS
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The run's page. It has no form: POST is refused."""
        run = self._run(request, unquote(object_id))
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        context = {**self._page(request, run), **run_page.context(request, run)}
        if context["read"]:
            record_reading(by_request(request), run, fields=context["read"])
        return TemplateResponse(request, "workflow_engine/admin/execution.html", context)

    def events_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """The run's whole history, oldest first."""
        run = self._run(request, pk)
        page = Paginator(run.events.order_by("id"), EVENTS_A_PAGE).get_page(request.GET.get("page"))
        context = {
            **self._page(request, run),
            "title": f"History of {run.workflow.name} {short_id(run.id)}",
            "run_url": page_url(run),
            "page": page,
            "lines": run_page.history_lines(page.object_list),
        }
        return TemplateResponse(request, "workflow_engine/admin/events.html", context)

    def control_view(self, request: HttpRequest, pk: UUID, name: str) -> HttpResponse:
        """Asks whether to pause, resume, cancel or retry the run; does it after a yes."""
        control = controls.CONTROLS[name]
        run = self._run(request, pk)
        if not operator(request).has_perm(control.permission):
            raise PermissionDenied
        if request.method == "POST" and controls.CONFIRMED in request.POST:
            controls.carry_out(self, request, control, [run])
            return redirect(page_url(run))
        return controls.confirmation(self.admin_site, request, control, [run], back=page_url(run))

    def _run(self, request: HttpRequest, pk: str | UUID) -> WorkflowExecution:
        run = self.get_object(request, str(pk))
        if run is None:
            raise Http404("There is no such run.")
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        return run

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkflowExecution]:
        rows = super().get_queryset(request).select_related("workflow", "user")
        return rows.defer("workflow__definition", "workflow__description")

    def _page(self, request: HttpRequest, run: WorkflowExecution) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": run,
            "title": f"{run.workflow.name} {short_id(run.id)}",
        }
