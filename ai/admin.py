"""The admin's read-only lists of AI calls and generations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ai.models import AIStepExecution, AIWorkflowGeneration

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    # Generic for the type checker only.
    _ModelAdmin = admin.ModelAdmin


class _ReadOnly(_ModelAdmin):
    """Nobody changes a record. What people wrote is shown to those with `text_permission` alone."""

    list_per_page = 50
    show_full_result_count = False
    plain_fields: tuple[str, ...] = ()
    text_fields: tuple[str, ...] = ()
    text_permission = ""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        allowed = request.user.has_perm(self.text_permission)
        return self.plain_fields + (self.text_fields if allowed else ())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self.text_fields)


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
class AIStepExecutionAdmin(_ReadOnly):
    list_display = (
        "created_at", "ai_model", "provider", "agent_type", "tokens_used", "exact_cost_usd",
        "execution_time_ms", "error_code",
    )  # fmt: skip
    list_filter = (OutcomeFilter, "created_at")
    search_fields = ("=ai_model", "=error_code", "=step_execution__execution__id")
    plain_fields = (
        "id", "created_at", "step_execution", "attempt", "ai_model", "provider", "agent_type",
        "tokens_used", "prompt_tokens", "completion_tokens", "cost_usd", "exact_cost_usd",
        "execution_time_ms", "error_code",
    )  # fmt: skip
    text_fields = ("error_message", "system", "prompt", "response")
    text_permission = "workflow_ai.read_ai_text"


@admin.register(AIWorkflowGeneration)
class AIWorkflowGenerationAdmin(_ReadOnly):
    list_display = (
        "created_at", "user", "ai_model", "provider", "success", "generation_time_ms",
        "generated_workflow",
    )  # fmt: skip
    list_filter = ("success", "created_at")
    list_select_related = ("user", "generated_workflow")
    plain_fields = (
        "id", "created_at", "user", "ai_model", "provider", "success", "generation_time_ms",
        "generated_workflow", "error_code",
    )  # fmt: skip
    text_fields = ("error_message", "requirements")
    text_permission = "workflow_ai.read_ai_requirements"
