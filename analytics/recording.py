"""Writes the figures of finished runs, once each, whatever becomes of the signal that a run ended.

The documented metrics: execution_duration (seconds), step_count (steps), success_rate (ratio of
completed among completed and failed steps), ai_usage (calls), user_satisfaction (rating, written by
`services`); and what steps measured themselves, summed by name, such as ai_tokens or ai_cost_usd.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Q
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.db.models.functions import Now

from analytics.models import WorkflowExecutionMetric
from engine import metrics as engine_metrics
from engine.models import StepExecution, StepStatus, WorkflowExecution

logger = logging.getLogger(__name__)

EXECUTION_DURATION = "execution_duration"
STEP_COUNT = "step_count"
SUCCESS_RATE = "success_rate"
AI_USAGE = "ai_usage"
USER_SATISFACTION = "user_satisfaction"
AI_CALLS = "ai_calls"  # the measurement that ai_usage sums

_LARGEST = Decimal(10) ** 11  # of numeric(15,4)
_GRACE = timedelta(seconds=5)  # which the signal has before the sweep looks
_BATCH = 200
_PAGES = 5

# What the steps of a run measured: [[name, value, unit], ...] on each.
_MEASURED = """
SELECT left(measured ->> 0, 100), sum((measured ->> 1)::numeric), left(max(measured ->> 2), 50)
  FROM workflow_step_executions AS step
 CROSS JOIN LATERAL jsonb_array_elements(step.measurements) AS measured
 WHERE step.execution_id = %s AND jsonb_typeof(step.measurements) = 'array'
   AND jsonb_typeof(measured -> 1) = 'number'
 GROUP BY 1
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure of a run."""

    name: str
    value: Decimal
    unit: str


def on_finished(*, execution_id: UUID, **kwargs: Any) -> None:
    """Receiver of `engine.signals.execution_finished`."""
    record(execution_id)


def on_reconciled(**kwargs: Any) -> None:
    """Receiver of `engine.signals.reconciled`."""
    sweep()


def record(execution_id: UUID) -> bool:
    """Writes the figures of a run that has ended. False where it has not, or has its figures.

    A run that is retried has them written again when it ends again.
    """
    with transaction.atomic():
        # Whoever sets the time writes the figures. The row stays locked, so that no retry of the
        # run comes between them.
        flipped = WorkflowExecution.objects.filter(
            id=execution_id, completed_at__isnull=False, metrics_recorded_at=None
        ).update(metrics_recorded_at=Now())
        if not flipped:
            return False
        run = WorkflowExecution.objects.only("status", "started_at", "completed_at").get(
            id=execution_id
        )
        write(execution_id, _figures(run))
        transaction.on_commit(
            partial(engine_metrics.executions_finished.labels(run.status).inc), robust=True
        )
    return True


def sweep() -> int:
    """Catches up on ended runs whose signal was lost; returns how many got their figures.

    Bounded, and paged by key: a run whose figures cannot be written does not stand before others.
    """
    recorded = 0
    waiting = WorkflowExecution.objects.filter(
        completed_at__lt=Now() - _GRACE, metrics_recorded_at=None
    ).order_by("completed_at", "id")
    rows = waiting
    for _ in range(_PAGES):
        page = list(rows.values_list("completed_at", "id")[:_BATCH])
        for _, execution_id in page:
            try:
                recorded += record(execution_id)
            except Exception:
                logger.exception("run %s: its figures were not written", execution_id)
        if len(page) < _BATCH:
            break
        rows = waiting.filter(TupleGreaterThan(Tuple("completed_at", "id"), page[-1]))
    if recorded:
        logger.info("Wrote the figures of %d runs whose signal was lost", recorded)
    return recorded


def write(execution_id: UUID, figures: Iterable[Figure]) -> None:
    """Writes figures of a run; one that is there already is replaced."""
    rows = []
    for figure in figures:
        if not -_LARGEST < figure.value < _LARGEST:
            logger.warning("run %s: %s is too large a figure", execution_id, figure.name)
            continue
        rows.append(
            WorkflowExecutionMetric(
                execution_id=execution_id,
                metric_name=figure.name,
                metric_value=figure.value,
                exact_value=figure.value,
                metric_unit=figure.unit,
            )
        )
    WorkflowExecutionMetric.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=("execution", "metric_name"),
        update_fields=("metric_value", "exact_value", "metric_unit", "recorded_at"),
    )


def _figures(run: WorkflowExecution) -> list[Figure]:
    steps = StepExecution.objects.filter(execution_id=run.id).aggregate(
        total=Count("id"),
        completed=Count("id", filter=Q(status=StepStatus.COMPLETED)),
        failed=Count("id", filter=Q(status=StepStatus.FAILED)),
        measured=Count("measurements"),
    )
    measured = {f.name: f for f in _measured(run.id)} if steps["measured"] else {}
    calls = measured.pop(AI_CALLS, None)
    figures = [
        Figure(name=STEP_COUNT, value=Decimal(steps["total"]), unit="steps"),
        Figure(name=AI_USAGE, value=calls.value if calls else Decimal(0), unit="calls"),
    ]
    if run.started_at is not None and run.completed_at is not None:
        seconds = Decimal(str((run.completed_at - run.started_at).total_seconds()))
        figures.append(Figure(name=EXECUTION_DURATION, value=seconds, unit="seconds"))
    if settled := steps["completed"] + steps["failed"]:
        rate = Decimal(steps["completed"]) / settled
        figures.append(Figure(name=SUCCESS_RATE, value=rate, unit="ratio"))
    documented = {figure.name for figure in figures} | {USER_SATISFACTION}
    return figures + [f for name, f in measured.items() if name not in documented]


def _measured(execution_id: UUID) -> Sequence[Figure]:
    with connection.cursor() as cursor:
        cursor.execute(_MEASURED, [execution_id])
        return [Figure(name=name, value=v, unit=u or "") for name, v, u in cursor.fetchall()]
