"""The admin's read-only lists of AI calls and generations."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from ai.budgets import admin as budgets
from ai.figures_admin import FiguresPage
from ai.models import AIStepExecution, AIWorkflowGeneration
from analytics.admin import RecordAdmin

__all__ = ["AIStepExecutionAdmin", "AIWorkflowGenerationAdmin", "budgets"]


class OutcomeFilter(admin.SimpleListFilter):
    """Whether the call failed."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("answered", "Answered"), ("failed", "Failed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "answered":
                return queryset.filter(error_code="")
            case "failed":
                return queryset.exclude(error_code="")
            case _:
                return queryset


@admin.register(AIStepExecution)
class AIStepExecutionAdmin(FiguresPage, RecordAdmin):
    list_display = (
        "created_at", "ai_model", "provider", "agent_type", "tokens_used", "exact_cost_usd",
        "execution_time_ms", "error_code",
    )  # fmt: skip
    list_filter = (OutcomeFilter, "created_at")
    search_fields = ("=ai_model", "=error_code", "=step_execution__execution__id")
    plain_fields = (
        "id", "created_at", "step_execution", "attempt", "call_number", "organisation", "workflow",
        "user", "ai_model", "provider", "agent_type", "mode", "cached", "tokens_used",
        "prompt_tokens", "completion_tokens", "cost_usd", "exact_cost_usd", "execution_time_ms",
        "error_code",
    )  # fmt: skip
    text_fields = ("error_message", "system", "prompt", "response", "tool_calls")
    text_permission = "workflow_ai.read_ai_text"


@admin.register(AIWorkflowGeneration)
class AIWorkflowGenerationAdmin(RecordAdmin):
    list_display = (
        "created_at", "user", "ai_model", "provider", "success", "generation_time_ms",
        "generated_workflow", "error_code",
    )  # fmt: skip
    list_filter = ("success", "provider", "created_at")
    search_fields = ("=id", "=ai_model", "=error_code", "=user__username")
    list_select_related = ("user", "generated_workflow")
    plain_fields = (
        "id", "created_at", "user", "ai_model", "provider", "success", "generation_time_ms",
        "generated_workflow", "error_code", "steps",
    )  # fmt: skip
    text_fields = ("error_message", "requirements")
    text_permission = "workflow_ai.read_ai_requirements"

    @admin.display(description="the workflow's generated steps, and the words they come from")
    def steps(self, row: AIWorkflowGeneration) -> str:
        workflow = row.generated_workflow
        if workflow is None:
            return "-"
        return format_html_join(
            "",
            "<p><code>{}</code> ({}): {}<br><q>{}</q></p>",
            (
                (step["id"], step["step_type"], step.get("description", ""), step["ai_prompt"])
                for step in workflow.definition["steps"]
                if step.get("ai_prompt")
            ),
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        shown = super().get_fields(request, obj)
        if request.user.has_perms(("workflow_engine.view_workflow", self.text_permission)):
            return shown
        return tuple(name for name in shown if name != "steps")
