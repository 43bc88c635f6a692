"""Writes the figures of finished runs, once each, whatever becomes of the signal that a run ended.

The documented metrics: execution_duration (seconds), step_count (steps), success_rate (ratio of
completed among completed and failed steps), ai_usage (calls), user_satisfaction (rating, written by
`services`); and what steps measured themselves, summed by name, such as ai_tokens or ai_cost_usd.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.db.models.functions import Now

from analytics.models import WorkflowExecutionMetric
from core.ids import uuid7
from engine import metrics as engine_metrics
from engine.models import WorkflowExecution

logger = logging.getLogger(__name__)

AI_USAGE = "ai_usage"
USER_SATISFACTION = "user_satisfaction"
DOCUMENTED = frozenset(
    {"execution_duration", "step_count", "success_rate", AI_USAGE, USER_SATISFACTION}
)
AI_CALLS = "ai_calls"  # the measurement that ai_usage sums

_LARGEST = Decimal(10) ** 11  # of numeric(15,4)
_GRACE = timedelta(seconds=5)  # which the signal has before the sweep looks
_BATCH = 200
_PAGES = 5

# A run's time of recording and its documented figures, in one statement since every run ends with
# it. Whoever sets the time writes the figures: the row stays locked until the commit, so that no
# retry of the run comes between them.
_RECORD = """
WITH run AS (
    UPDATE workflow_executions
       SET metrics_recorded_at = statement_timestamp()
     WHERE id = %(run)s AND completed_at IS NOT NULL AND metrics_recorded_at IS NULL
 RETURNING id, status, extract(epoch FROM completed_at - started_at) AS seconds
), steps AS (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(measurements) AS measured
      FROM workflow_step_executions
     WHERE execution_id = %(run)s
), written AS (
    INSERT INTO workflow_execution_metrics
           (id, execution_id, metric_name, metric_value, exact_value, metric_unit)
    SELECT figure.id, run.id, figure.name, figure.value, figure.value, figure.unit
      FROM run, steps, LATERAL (VALUES
               (%(id1)s::uuid, 'execution_duration', run.seconds, 'seconds'),
               (%(id2)s::uuid, 'step_count', steps.total::numeric, 'steps'),
               (%(id3)s::uuid, 'success_rate',
                steps.completed::numeric / nullif(steps.completed + steps.failed, 0), 'ratio'),
               (%(id4)s::uuid, 'ai_usage', 0, 'calls')
           ) AS figure (id, name, value, unit)
     WHERE figure.value IS NOT NULL
        ON CONFLICT (execution_id, metric_name) DO UPDATE
       SET metric_value = excluded.metric_value,
           exact_value = excluded.exact_value,
           metric_unit = excluded.metric_unit,
           recorded_at = statement_timestamp()
)
SELECT run.status, steps.measured FROM run, steps
"""

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
        recorded = _record(execution_id)
        if recorded is None:
            return False
        status, measured = recorded
        if measured:
            write(execution_id, _measured(execution_id))
        transaction.on_commit(
            partial(engine_metrics.executions_finished.labels(status).inc), robust=True
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


def _record(execution_id: UUID) -> tuple[str, int] | None:
    """The run's status and how many of its steps measured something; None where nothing is due."""
    ids = {f"id{n}": uuid7() for n in range(1, 5)}
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, {"run": execution_id, **ids})
        row: tuple[str, int] | None = cursor.fetchone()
    return row


def _measured(execution_id: UUID) -> list[Figure]:
    """What the steps measured, but for names that are not theirs to give."""
    with connection.cursor() as cursor:
        cursor.execute(_MEASURED, [execution_id])
        rows = cursor.fetchall()
    return [
        Figure(name=AI_USAGE if name == AI_CALLS else name, value=value, unit=unit or "")
        for name, value, unit in rows
        if name not in DOCUMENTED
    ]
