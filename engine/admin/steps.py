"""Steps in the admin: the list over all runs, a step's page, and answering one that waits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.audit.actors import by_request
from core.audit.recording import record_reading
from core.errors import PlatformError
from engine import definitions, received, registry
from engine.admin import answers, run_page
from engine.admin.access import (
    ANSWER_STEP,
    operator,
    page_url,
    reads_payloads,
)
from engine.admin.display import badge, elapsed, moment, payload, pretty, short_id, span
from engine.admin.lists import LongList, by_id
from engine.models import StepExecution, StepStatus

MAX_EVENTS = 100


class TypeFilter(admin.SimpleListFilter):
    """The step types that are installed: to ask the table would read all of it."""

    title = "type"
    parameter_name = "step_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(registry.executors())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(step_type=self.value()) if self.value() else queryset


@admin.register(StepExecution)
class StepAdmin(LongList[StepExecution]):
    """Steps are looked at and answered here, and never edited."""

    list_display = (
        "step_id", "run", "workflow", "step_type", "state", "attempt", "started", "took",
        "error_code",
    )  # fmt: skip
    list_filter = ("status", TypeFilter)
    ordering = ("-id",)
    title = "Steps of all runs"
    search_fields = ("execution__id",)
    search_help_text = "A run's id or how it begins, at least four digits."
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[StepExecution]:
        rows = super().get_queryset(request).select_related("execution__workflow")
        return rows.defer(
            "input_data",
            "output_data",
            "error_message",
            "waiting_data",
            "execution__context",
            "execution__results",
            "execution__error_message",
            "execution__workflow__definition",
            "execution__workflow__description",
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not search_term:
            return queryset, False
        return by_id(queryset, "execution_id", search_term), False

    @admin.display(description="run")
    def run(self, step: StepExecution) -> SafeString:
        url = page_url(step.execution)
        return format_html('<a href="{}"><code>{}</code></a>', url, short_id(step.execution_id))

    @admin.display(description="workflow")
    def workflow(self, step: StepExecution) -> str:
        return str(step.execution.workflow)

    @admin.display(description="status")
    def state(self, step: StepExecution) -> SafeString:
        return badge(step.status)

    @admin.display(description="started")
    def started(self, step: StepExecution) -> str:
        return moment(step.started_at)

    @admin.display(description="took")
    def took(self, step: StepExecution) -> str:
        if step.execution_time_ms is not None:
            return span(step.execution_time_ms / 1000)
        return elapsed(step.started_at, step.completed_at)

    def get_urls(self) -> list[URLPattern]:
        answer = self.admin_site.admin_view(self.answer_view)
        name = "workflow_engine_stepexecution_answer"
        return [path("<uuid:pk>/answer/", answer, name=name), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The step's page. It has no form: POST is refused."""
        step = self._step(request, unquote(object_id))
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        allowed = reads_payloads(request)
        answers = operator(request).has_perm(ANSWER_STEP)
        waits = step.status == StepStatus.WAITING and step.waiting_for != "budget"
        if allowed:
            fields = ["input_data", "output_data", "error_message"]
            record_reading(by_request(request), step, fields=fields)
        elif answers and waits:
            record_reading(by_request(request), step, fields=["waiting_data"])
        events = step.execution.events.filter(step_id=step.step_id, scope=step.scope)
        context = {
            **self._page(request, step),
            "state": badge(step.status),
            "note": run_page.note(step, timezone.now(), allowed or answers, allowed),
            "answer_url": _answer_url(step.pk) if waits and answers else "",
            "facts": _facts(step),
            "payloads": [
                ("Configuration", _configuration(step)),
                ("Input", _input(step, allowed=allowed)),
                ("Output", payload(step, "output_data", allowed=allowed)),
            ],
            "measurements": step.measurements or [],
            "lines": run_page.history_lines(events.order_by("-id")[:MAX_EVENTS]),
        }
        return TemplateResponse(request, "workflow_engine/admin/step.html", context)

    def answer_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Shows what the step asks; gives it the answer that is posted."""
        if not operator(request).has_perm(ANSWER_STEP):
            raise PermissionDenied
        step = self._step(request, pk)
        return answers.respond(self, request, step, page=self._page(request, step))

    def _step(self, request: HttpRequest, pk: str | UUID) -> StepExecution:
        step = self.get_object(request, str(pk))
        if step is None:
            raise Http404("There is no such step.")
        if not self.has_view_permission(request, step):
            raise PermissionDenied
        return step

    def _page(self, request: HttpRequest, step: StepExecution) -> dict[str, Any]:
        run = step.execution
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "step": step,
            "run_name": f"{run.workflow.name} {short_id(run.id)}",
            "run_url": page_url(run),
            "step_url": page_url(step),
            "title": f"Step {step}",
        }


def _facts(step: StepExecution) -> list[tuple[str, str]]:
    worker = step.execution_time_ms
    return [
        ("Type", step.step_type),
        ("Attempt", str(step.attempt)),
        ("Started", moment(step.started_at)),
        ("Ended", moment(step.completed_at)),
        ("On a worker", span(None if worker is None else worker / 1000)),
        ("Leased by", step.lease_owner or "nobody"),
        ("Lease until", moment(step.lease_expires_at)),
        ("Due", moment(step.due_at)),
    ]


def _configuration(step: StepExecution) -> str:
    try:
        found = definitions.load(step.execution.definition_version_id).steps[step.position]
    except PlatformError as error:
        return f"(the definition cannot be read any more: {error.message})"
    return pretty({"name": found.name, "when": found.when, "config": found.config})


def _input(step: StepExecution, *, allowed: bool) -> str:
    if allowed:
        try:
            received.fill_in(step.execution, [step])
        except PlatformError as error:
            return f"(cannot be read: {error.message})"
    return payload(step, "input_data", allowed=allowed)


def _answer_url(pk: UUID) -> str:
    return reverse("admin:workflow_engine_stepexecution_answer", args=[pk])
