"""Analytics of workflows and trends of use, computed by the database over what a user may see."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from uuid import UUID

from django.db.models import (
    Aggregate,
    Avg,
    Count,
    DateTimeField,
    F,
    FloatField,
    Max,
    Min,
    Q,
    QuerySet,
    Sum,
)
from django.db.models.functions import Extract, Trunc

from analytics.models import WorkflowExecutionMetric, WorkflowLearningData
from analytics.periods import Period
from analytics.recording import AI_USAGE
from core.errors import NotFound
from core.json import JsonObject
from core.models import User
from engine.models import ExecutionStatus, StepExecution, StepStatus, Workflow, WorkflowExecution
from engine.selectors import executions_for, workflows_for

LAST_RUNS = 10
_COMPLETED, _FAILED = ExecutionStatus.COMPLETED, ExecutionStatus.FAILED


class Percentile(Aggregate):
    """PERCENTILE_CONT within the group."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()

    def __init__(self, expression: Any, fraction: float, **extra: Any) -> None:
        super().__init__(expression, fraction=float(fraction), **extra)


def workflow_for(user: User, workflow_id: UUID) -> Workflow:
    """The workflow, where the user may see it. Raises NotFound."""
    workflow = workflows_for(user).filter(id=workflow_id).first()
    if workflow is None:
        raise NotFound("There is no such workflow.")
    return workflow


def workflow_analytics(*, user: User, workflow_id: UUID, period: Period) -> JsonObject:
    """How a workflow's runs went that the user may see and that were made in the period.

    Durations are seconds from a run's start to its end, waiting for people included; `mean_ms` of a
    step is time on a worker. Rates and means of nothing are None.

    Raises:
        NotFound: the user may not see the workflow.
    """
    workflow = workflow_for(user, workflow_id)
    visible = executions_for(user).filter(workflow_id=workflow.id)
    runs = visible.filter(created_at__gte=period.start)
    ended = Q(status__in=(_COMPLETED, _FAILED))
    totals = _timed(runs).aggregate(
        **_counts(),
        mean=Avg("seconds", filter=ended),
        p50=Percentile("seconds", 0.5, filter=ended),
        p95=Percentile("seconds", 0.95, filter=ended),
        longest=Max("seconds", filter=ended),
    )
    by_status = dict(runs.values_list("status").annotate(n=Count("id")).order_by())
    return {
        "workflow_id": workflow.id,
        "name": workflow.name,
        "time_period": period.text,
        "runs": totals["runs"],
        "by_status": {status: by_status.get(status, 0) for status in ExecutionStatus.values},
        "success_rate": _rate(totals),
        "duration_seconds": {key: totals[key] for key in ("mean", "p50", "p95", "longest")},
        "steps": _steps(runs),
        "ai": _ai(runs),
        "satisfaction": _satisfaction(runs),
        "last_runs": _last_runs(visible),
    }


def trends(*, user: User, category: str | None, period: Period) -> JsonObject:
    """Use over time of what the user may see: by day (UTC), or by hour in up to 48 hours."""
    runs = executions_for(user).filter(created_at__gte=period.start, created_at__lte=period.end)
    if category is not None:
        runs = runs.filter(workflow__category=category)
    ended = Q(status__in=(_COMPLETED, _FAILED))
    shape = {**_counts(), "mean": Avg("seconds", filter=ended)}
    timed = _timed(runs)
    point = Trunc("created_at", period.interval, output_field=DateTimeField(), tzinfo=UTC)
    found = {
        row["point"]: row
        for row in timed.annotate(point=point).values("point").annotate(**shape).order_by("point")
    }
    none = dict.fromkeys(shape, 0) | {"mean": None}
    by_category = (
        timed.annotate(category=F("workflow__category"))
        .values("category")
        .annotate(**shape)
        .order_by("-runs", "category")
    )
    return {
        "category": category,
        "time_period": period.text,
        "interval": period.interval,
        "start": period.start,
        "end": period.end,
        "totals": _use(timed.aggregate(**shape)),
        "points": [{"start": start, **_use(found.get(start, none))} for start in period.points()],
        "categories": [{"category": row["category"], **_use(row)} for row in by_category],
    }


def _timed(runs: QuerySet[WorkflowExecution]) -> QuerySet[Any]:
    """The runs with `seconds`, from start to end."""
    return runs.annotate(
        seconds=Extract(F("completed_at") - F("started_at"), "epoch", output_field=FloatField())
    )


def _counts() -> dict[str, Any]:
    ends = (_COMPLETED, _FAILED, ExecutionStatus.CANCELLED)
    return {
        "runs": Count("id"),
        **{str(status): Count("id", filter=Q(status=status)) for status in ends},
    }


def _rate(counts: dict[str, Any]) -> float | None:
    ended = counts["completed"] + counts["failed"]
    return counts["completed"] / ended if ended else None


def _use(row: dict[str, Any]) -> JsonObject:
    return {
        "runs": row["runs"],
        "completed": row["completed"],
        "failed": row["failed"],
        "cancelled": row["cancelled"],
        "success_rate": _rate(row),
        "mean_duration_seconds": row["mean"],
    }


def _steps(runs: QuerySet[WorkflowExecution]) -> list[JsonObject]:
    rows = (
        StepExecution.objects.filter(execution__in=runs)
        .values("step_id")
        .annotate(
            place=Min("position"),
            step_type=Max("step_type"),
            completed=Count("id", filter=Q(status=StepStatus.COMPLETED)),
            failed=Count("id", filter=Q(status=StepStatus.FAILED)),
            skipped=Count("id", filter=Q(status=StepStatus.SKIPPED)),
            retried=Count("id", filter=Q(attempt__gt=1)),
            mean_ms=Avg("execution_time_ms"),
            longest_ms=Max("execution_time_ms"),
        )
        .order_by("place", "step_id")
    )
    return [{key: value for key, value in row.items() if key != "place"} for row in rows]


def _ai(runs: QuerySet[WorkflowExecution]) -> JsonObject:
    sums = {
        name: Sum("exact_value", filter=Q(metric_name=metric))
        for name, metric in (("calls", AI_USAGE), ("tokens", "ai_tokens"), ("cost", "ai_cost_usd"))
    }
    found = WorkflowExecutionMetric.objects.filter(execution__in=runs).aggregate(**sums)
    return {
        "calls": int(found["calls"] or 0),
        "tokens": int(found["tokens"] or 0),
        "cost_usd": found["cost"] or 0,
    }


def _satisfaction(runs: QuerySet[WorkflowExecution]) -> JsonObject:
    return WorkflowLearningData.objects.filter(execution__in=runs, rating__isnull=False).aggregate(
        mean=Avg("rating"), ratings=Count("id")
    )


def _last_runs(runs: QuerySet[WorkflowExecution]) -> list[JsonObject]:
    fields = ("id", "status", "created_at", "started_at", "completed_at", "error_code", "seconds")
    rows = _timed(runs).order_by("-created_at", "-id").values(*fields)[:LAST_RUNS]
    return [{**row, "duration_seconds": row.pop("seconds")} for row in rows]
