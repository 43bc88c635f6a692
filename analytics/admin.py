"""The admin's read-only lists of figures and feedback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from analytics.models import WorkflowExecutionMetric, WorkflowLearningData
from core.audit.actors import by_request
from core.audit.recording import record_reading

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    # Generic for the type checker only.
    _ModelAdmin = admin.ModelAdmin


class RecordAdmin(_ModelAdmin):
    """Records that nobody changes. Those with `text_permission` alone read what people wrote."""

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
        allowed = bool(self.text_fields) and request.user.has_perm(self.text_permission)
        return self.plain_fields + (self.text_fields if allowed else ())

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        record: models.Model = context["original"]
        if set(self.text_fields) & set(self.get_fields(request, record)):
            record_reading(by_request(request), record, fields=self.text_fields)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer(*self.text_fields)


@admin.register(WorkflowExecutionMetric)
class WorkflowExecutionMetricAdmin(RecordAdmin):
    list_display = ("recorded_at", "execution_id", "metric_name", "metric_value", "metric_unit")
    list_filter = ("recorded_at",)
    search_fields = ("=execution__id", "=metric_name")
    plain_fields = (
        "id", "execution", "metric_name", "metric_value", "exact_value", "metric_unit",
        "recorded_at",
    )  # fmt: skip


@admin.register(WorkflowLearningData)
class WorkflowLearningDataAdmin(RecordAdmin):
    list_display = ("created_at", "execution_id", "user", "rating")
    list_filter = ("rating", "created_at")
    list_select_related = ("user",)
    search_fields = ("=execution__id",)
    plain_fields = (
        "id", "execution", "user", "rating", "performance_metrics", "created_at", "updated_at",
    )  # fmt: skip
    text_fields = ("user_feedback", "improvement_suggestions")
    text_permission = "workflow_analytics.read_feedback"
