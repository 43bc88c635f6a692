"""What AI proposes for workflows: what a draft changes and why, and the decision on it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import PlatformError
from engine import drafts, semantic_diff
from engine.admin.access import operator, page_url
from engine.admin.display import moment, pretty
from engine.admin.forms import arranged, problem_texts
from engine.admin.lists import LongList, WorkflowFilter, parse_id
from engine.models import DraftDecision, WorkflowVersion

DECIDE = "workflow_engine.change_workflow"
VIEW = "workflow_engine.view_workflow"
MAX_CHANGES = 500


class AgainstForm(forms.Form):
    """Which version the operator has seen the changes against."""

    against = forms.IntegerField(min_value=1)


@admin.register(WorkflowVersion)
class DraftAdmin(LongList[WorkflowVersion]):
    """Drafts alone; the versions that runs take are on their workflow's page."""

    title = "Drafts"
    list_display = (
        "workflow_name", "number", "version", "state", "created_by", "saved", "decided_by",
        "decided",
    )  # fmt: skip
    list_display_links = ("workflow_name",)
    list_filter = (
        "decision",
        WorkflowFilter,
        ("workflow__organisation", admin.RelatedOnlyFieldListFilter),
        "created_at",
    )
    list_select_related = ("workflow",)
    ordering = ("-created_at", "-id")
    search_fields = ("workflow__name", "=created_by", "=decided_by")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user = operator(request)
        return user.has_perm(VIEW) or user.has_perm(DECIDE)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkflowVersion]:
        rows = super().get_queryset(request).filter(is_draft=True)
        return rows.defer("definition", "explanation", "workflow__definition")

    @admin.display(description="workflow", ordering="workflow__name")
    def workflow_name(self, draft: WorkflowVersion) -> str:
        return draft.workflow.name

    @admin.display(description="decision", ordering="decision")
    def state(self, draft: WorkflowVersion) -> str:
        return draft.get_decision_display()

    @admin.display(description="made", ordering="created_at")
    def saved(self, draft: WorkflowVersion) -> str:
        return moment(draft.created_at)

    @admin.display(description="decided", ordering="decided_at")
    def decided(self, draft: WorkflowVersion) -> str:
        return moment(draft.decided_at)

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "workflow_engine_workflowversion"
        return [
            path("<uuid:pk>/publish/", view(self.publish_view), name=f"{name}_publish"),
            path("<uuid:pk>/dismiss/", view(self.dismiss_view), name=f"{name}_dismiss"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What the draft changes, and why."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        pk = parse_id(object_id)
        numbered = WorkflowVersion.objects.filter(pk=pk, is_draft=False).first() if pk else None
        if numbered is not None:  # the pages of runs lead here: what a version says is there
            return redirect(page_url(numbered.workflow))
        draft = self._draft(request, pk)
        workflow, is_open = draft.workflow, draft.decision == DraftDecision.OPEN
        saved = workflow.versions.filter(is_draft=False)
        if not is_open:
            saved = saved.filter(number__lt=draft.number)
        against = saved.order_by("-number")[0]
        changes = semantic_diff.diff(against.definition, draft.definition)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{workflow.name}, draft {draft.number}",
            "draft": draft,
            "workflow": workflow,
            "workflow_url": page_url(workflow),
            "against": against,
            "changes": changes[:MAX_CHANGES],
            "more": max(0, len(changes) - MAX_CHANGES),
            "document": pretty(arranged(draft.definition)),
            "may_decide": is_open and operator(request).has_perm(DECIDE),
            "publish_url": reverse(
                "admin:workflow_engine_workflowversion_publish", args=[draft.pk]
            ),
            "dismiss_url": reverse(
                "admin:workflow_engine_workflowversion_dismiss", args=[draft.pk]
            ),
        }
        return TemplateResponse(request, "workflow_engine/admin/draft.html", context)

    def publish_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Makes the draft the newest version."""
        return self._decide(request, pk, DraftDecision.PUBLISHED)

    def dismiss_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """Puts the draft away."""
        return self._decide(request, pk, DraftDecision.DISMISSED)

    def _decide(self, request: HttpRequest, pk: UUID, decision: DraftDecision) -> HttpResponse:
        user = operator(request)
        if not user.has_perm(DECIDE):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        draft = self._draft(request, pk)
        verb = "publish" if decision == DraftDecision.PUBLISHED else "dismiss"
        try:
            with action(by_request(request), f"workflow.{verb}_draft", draft.workflow) as entry:
                entry.tell(draft=draft.number)
                if decision == DraftDecision.PUBLISHED:
                    seen = AgainstForm(request.POST)
                    if not seen.is_valid():
                        raise Http404("It is not said what the changes were shown against.")
                    saved = drafts.publish_draft(
                        draft=draft, user=user, against=seen.cleaned_data["against"]
                    )
                    entry.tell(version=saved.latest)
                else:
                    drafts.dismiss_draft(draft=draft, user=user)
                self.log_change(request, draft, f"{decision.label}.")
        except PlatformError as error:
            for text in problem_texts(error):
                messages.error(request, text)
        else:
            messages.success(request, f"Draft {draft.number} of {draft.workflow.name}: {decision}.")
        return redirect(page_url(draft))

    def _draft(self, request: HttpRequest, pk: UUID | None) -> WorkflowVersion:
        rows = WorkflowVersion.objects.select_related("workflow").defer("workflow__definition")
        draft = rows.filter(pk=pk, is_draft=True).first() if pk else None
        if draft is None:
            raise Http404("There is no such draft.")
        return draft
