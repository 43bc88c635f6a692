"""The figures on the admin's first page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import template
from django.db.models import QuerySet
from django.template.context import RequestContext
from django.urls import reverse
from django.utils import timezone

from core.pages import MAX_COUNTED
from engine.models import ExecutionStatus, StepExecution, StepStatus, WorkflowExecution

register = template.Library()


@register.inclusion_tag("workflow_engine/admin/overview.html", takes_context=True)
def workflow_overview(context: RequestContext) -> dict[str, Any]:
    """What runs, what failed in the last day and what waits for an answer, for who may see runs."""
    user = context["request"].user
    if not user.has_perm("workflow_engine.view_workflowexecution"):
        return {"figures": []}
    runs = WorkflowExecution.objects.order_by()
    since = timezone.now() - timedelta(days=1)
    failed = runs.filter(status=ExecutionStatus.FAILED, created_at__gte=since)
    waiting = StepExecution.objects.order_by().filter(status=StepStatus.WAITING)
    waiting = waiting.exclude(waiting_for="budget")
    listed = reverse("admin:workflow_engine_workflowexecution_changelist") + "?status__exact="
    steps = reverse("admin:workflow_engine_stepexecution_changelist") + "?status__exact="
    day = f"&created_at__gte={since:%Y-%m-%dT%H:%M:%SZ}"
    rows: list[tuple[str, str, QuerySet[Any], str]] = [
        ("running", "running", runs.filter(status=ExecutionStatus.RUNNING), f"{listed}running"),
        ("paused", "paused", runs.filter(status=ExecutionStatus.PAUSED), f"{listed}paused"),
        ("waiting", "waiting for an answer", waiting, f"{steps}waiting"),
        ("failed", "failed in the last day", failed, f"{listed}failed{day}"),
    ]
    return {"figures": [(status, label, _count(found), url) for status, label, found, url in rows]}


def _count(rows: QuerySet[Any]) -> str:
    count = rows[:MAX_COUNTED].count()
    return f"{count:,}{'+' if count == MAX_COUNTED else ''}"
