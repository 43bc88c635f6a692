"""Workflows in the admin: their definitions as checked JSON, their versions and their plan."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from core.errors import PlatformError
from core.pages import MAX_COUNTED, ReadOnly
from engine import definitions, plan, selectors, workflows
from engine.admin import starts
from engine.admin.access import (
    RUN_WORKFLOW,
    TabularInline,
    operator,
    page_url,
)
from engine.admin.display import moment, pretty
from engine.admin.forms import WorkflowForm, arranged, problem_texts
from engine.admin.lists import LATEST, LatestFormSet, WideList
from engine.models import Workflow, WorkflowExecution, WorkflowVersion

MAX_PLAN_LINES = 60
MAX_PLAN_LINE = 400  # characters


class VersionInline(ReadOnly, TabularInline[WorkflowVersion, Workflow]):
    """The newest versions, each with a link to what it said."""

    model = WorkflowVersion
    formset = LatestFormSet
    fields = ("number", "version", "is_draft", "created_by", "saved", "document")
    readonly_fields = fields
    verbose_name_plural = f"versions (the newest {LATEST})"

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # for everybody who may see the workflow

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkflowVersion]:
        return super().get_queryset(request).defer("definition", "explanation")

    @admin.display(description="saved")
    def saved(self, version: WorkflowVersion) -> str:
        return moment(version.created_at)

    @admin.display(description="definition")
    def document(self, version: WorkflowVersion) -> SafeString:
        if version.is_draft:
            return format_html('<a href="{}">Changes</a>', page_url(version))
        name = "admin:workflow_engine_workflow_version"
        url = reverse(name, args=[version.workflow_id, version.number])
        return format_html('<a href="{}">Show</a>', url)


@admin.register(Workflow)
class WorkflowAdmin(WideList[Workflow]):
    """Saving goes through `engine.workflows`; a workflow that has run cannot be deleted."""

    form = WorkflowForm
    change_form_template = "workflow_engine/admin/workflow.html"
    list_display: tuple[str, ...] = (
        "name", "category", "version", "organisation", "owner", "is_shared", "usage_count",
        "last_run", "rating",
    )  # fmt: skip
    list_filter = (
        "category",
        "is_shared",
        ("organisation", admin.RelatedOnlyFieldListFilter),
        ("owner", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("organisation", "owner")
    autocomplete_fields = ("organisation",)
    title = "Workflows"
    search_fields = ("name", "description", "category", "created_by")
    readonly_fields = (
        "name", "description", "category", "version", "latest", "owner", "created_by",
        "usage_count", "rating", "created_at", "updated_at", "shown_definition",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Workflow]:
        runs = WorkflowExecution.objects.filter(workflow=OuterRef("pk"))
        newest = runs.order_by("-created_at", "-id").values("created_at")[:1]
        return super().get_queryset(request).defer("definition").annotate(last=Subquery(newest))

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.list_display, "run_now") if _may_run(request) else self.list_display

    def get_inlines(self, request: HttpRequest, obj: Workflow | None) -> list[Any]:
        return [VersionInline] if obj else []

    def get_fieldsets(self, request: HttpRequest, obj: Workflow | None = None) -> Any:
        if obj is None:
            return [(None, {"fields": ("definition", "organisation", "is_shared")})]
        editable = self.has_change_permission(request, obj)
        facts = (
            ("name", "category"), "description", ("version", "latest"), ("owner", "created_by"),
            ("usage_count", "rating"), ("created_at", "updated_at"),
            ("organisation", "is_shared"),
        )  # fmt: skip
        document = "definition" if editable else "shown_definition"
        return [(None, {"fields": facts}), ("Definition", {"fields": (document,)})]

    @admin.display(description="last run", ordering="last")
    def last_run(self, workflow: Workflow) -> str:
        return moment(vars(workflow).get("last"))

    @admin.display(description="run now")
    def run_now(self, workflow: Workflow) -> SafeString:
        return format_html('<a class="wf-button" href="{}">Run …</a>', _run_url(workflow))

    @admin.display(description="definition")
    def shown_definition(self, workflow: Workflow) -> SafeString:
        return format_html('<pre class="wf-pre">{}</pre>', pretty(arranged(workflow.definition)))

    def save_model(self, request: HttpRequest, obj: Workflow, form: Any, change: bool) -> None:
        document, shared = form.cleaned_data["definition"], form.cleaned_data["is_shared"]
        organisation, user = form.cleaned_data["organisation"], operator(request)
        if change:
            saved = workflows.update_workflow(workflow=obj, document=document, user=user)
            if organisation and saved.organisation_id != organisation.id:
                saved = workflows.move_workflow(
                    workflow=saved, organisation=organisation, user=user
                )
            if saved.is_shared != shared:
                workflows.share_workflow(workflow=saved, is_shared=shared)
        else:
            saved = workflows.create_workflow(
                document=document, owner=user, organisation=organisation, is_shared=shared
            )
            obj.pk = saved.pk
        obj.refresh_from_db()

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Refuses what has runs or schedules in one line each, however many they are."""
        kept = [reason for workflow in objs if (reason := _why_kept(workflow))]
        found = super().get_deleted_objects([] if kept else objs, request)
        # Versions go with their workflow; by themselves nobody may delete them.
        missing = found[2] - {WorkflowVersion._meta.verbose_name}
        return (*found[:2], missing, kept or found[3])

    def delete_model(self, request: HttpRequest, obj: Workflow) -> None:
        workflows.delete_workflow(workflow=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Workflow]) -> None:
        for workflow in queryset:
            workflows.delete_workflow(workflow=workflow)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<uuid:pk>/run/", view(self.run_view), name="workflow_engine_workflow_run"),
            path(
                "<uuid:pk>/versions/<int:number>/",
                view(self.version_view),
                name="workflow_engine_workflow_version",
            ),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        workflow: Workflow | None = context.get("original")
        if workflow is not None:
            lines, fault = plan_lines(workflow)
            may_run = _may_run(request)
            context |= {"plan": lines, "plan_fault": fault}
            context["run_url"] = _run_url(workflow) if may_run else ""
        return super().render_change_form(request, context, *args, **kwargs)

    def run_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Asks for the context; starts a run with the one that is posted."""
        if not _may_run(request):
            raise PermissionDenied
        workflow = self._workflow(request, pk)
        return starts.respond(self, request, workflow, page=self._page(request, workflow))

    def version_view(self, request: HttpRequest, pk: UUID, number: int) -> HttpResponse:
        """What a version said."""
        workflow = self._workflow(request, pk)
        version = workflow.versions.filter(number=number).first()
        if version is None:
            raise Http404("There is no such version.")
        context = {
            **self._page(request, workflow),
            "title": f"{workflow.name}, version {version.version} (number {number})",
            "version": version,
            "document": pretty(arranged(version.definition)),
        }
        return TemplateResponse(request, "workflow_engine/admin/version.html", context)

    def _workflow(self, request: HttpRequest, pk: UUID) -> Workflow:
        workflow = self.get_object(request, str(pk))
        if workflow is None:
            raise Http404("There is no such workflow.")
        if not self.has_view_permission(request, workflow):
            raise PermissionDenied
        return workflow

    def _page(self, request: HttpRequest, workflow: Workflow) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "workflow": workflow,
            "workflow_url": page_url(workflow),
        }


def plan_lines(workflow: Workflow) -> tuple[list[str], str]:
    """The chains and chords of a run as text, and what hinders showing all of them."""
    lines: list[str] = []
    try:
        definition = definitions.load(selectors.newest_version_id(workflow))
    except PlatformError as error:
        return [], f"The definition is not valid any more: {'; '.join(problem_texts(error))}"
    for segments in plan.preview(definition):
        for line in plan.describe(definition, segments):
            if len(lines) == MAX_PLAN_LINES:
                return lines, f"The first {MAX_PLAN_LINES} segments."
            lines.append(Truncator(line).chars(MAX_PLAN_LINE))
    return lines, ""


def _why_kept(workflow: Workflow) -> str:
    runs = workflow.executions.order_by()[:MAX_COUNTED].count()
    if runs:
        more = "or more " if runs == MAX_COUNTED else ""
        return f"{runs:,} {more}run{'' if runs == 1 else 's'} of {workflow}, whose history is kept"
    schedules = workflow.schedules.count()
    return f"{schedules} schedule(s) of {workflow}: delete them first" if schedules else ""


def _may_run(request: HttpRequest) -> bool:
    return operator(request).has_perm(RUN_WORKFLOW)


def _run_url(workflow: Workflow) -> str:
    return reverse("admin:workflow_engine_workflow_run", args=[workflow.pk])
