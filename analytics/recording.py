"""Writes the figures of finished runs, once each, a few seconds after they ended.

The documented metrics: execution_duration (seconds), step_count (steps), success_rate (ratio of
completed among completed and failed steps), ai_usage (calls), user_satisfaction (rating, written by
`services`); and what steps measured themselves, summed by name, such as ai_tokens or ai_cost_usd.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan

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
_BATCH = 200
_PAGES = 5

# The time of recording and the documented figures of these runs. Whoever sets the time writes the
# figures: the rows stay locked until the commit, so that no retry of a run comes between them.
_RECORD = """
WITH wanted AS (
    SELECT * FROM unnest(%(runs)s::uuid[], %(id1)s::uuid[], %(id2)s::uuid[], %(id3)s::uuid[],
                         %(id4)s::uuid[]) AS wanted (run, id1, id2, id3, id4)
), run AS (
    UPDATE workflow_executions AS run
       SET metrics_recorded_at = statement_timestamp()
      FROM wanted
     WHERE run.id = wanted.run AND run.completed_at IS NOT NULL AND run.metrics_recorded_at IS NULL
 RETURNING run.id, run.status, extract(epoch FROM run.completed_at - run.started_at) AS seconds,
           wanted.*
), steps AS (
    SELECT execution_id,
           count(*) AS total,
           count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(measurements) AS measured
      FROM workflow_step_executions
     WHERE execution_id = ANY(%(runs)s::uuid[])
     GROUP BY execution_id
), written AS (
    INSERT INTO workflow_execution_metrics
           (id, execution_id, metric_name, metric_value, exact_value, metric_unit)
    SELECT figure.id, run.id, figure.name, figure.value, figure.value, figure.unit
      FROM run
      LEFT JOIN steps ON steps.execution_id = run.id
     CROSS JOIN LATERAL (VALUES
               (run.id1, 'execution_duration', run.seconds, 'seconds'),
               (run.id2, 'step_count', coalesce(steps.total, 0)::numeric, 'steps'),
               (run.id3, 'success_rate',
                steps.completed::numeric / nullif(steps.completed + steps.failed, 0), 'ratio'),
               (run.id4, 'ai_usage', 0, 'calls')
           ) AS figure (id, name, value, unit)
     WHERE figure.value IS NOT NULL
        ON CONFLICT (execution_id, metric_name) DO UPDATE
       SET metric_value = excluded.metric_value,
           exact_value = excluded.exact_value,
           metric_unit = excluded.metric_unit,
           recorded_at = statement_timestamp()
)
SELECT run.id, run.status, coalesce(steps.measured, 0) > 0
  FROM run LEFT JOIN steps ON steps.execution_id = run.id
"""

# What the steps of these runs measured: [[name, value, unit], ...] on each.
_MEASURED = """
SELECT step.execution_id, left(measured ->> 0, 100), sum((measured ->> 1)::numeric),
       left(max(measured ->> 2), 50)
  FROM workflow_step_executions AS step
 CROSS JOIN LATERAL jsonb_array_elements(step.measurements) AS measured
 WHERE step.execution_id = ANY(%s) AND jsonb_typeof(step.measurements) = 'array'
   AND jsonb_typeof(measured -> 1) = 'number'
 GROUP BY 1, 2
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure of a run."""

    name: str
    value: Decimal
    unit: str


def on_reconciled(**kwargs: Any) -> None:
    """Receiver of `engine.signals.reconciled`."""
    sweep()


def record(*execution_ids: UUID) -> int:
    """Writes the figures of runs that have ended; how many of these had none yet.

    A run that is retried has them written again when it ends again.
    """
    with transaction.atomic():
        recorded = _record(execution_ids)
        for execution_id, figures in _measured([pk for pk, _, had in recorded if had]).items():
            write(execution_id, figures)
        for _, status, _ in recorded:
            transaction.on_commit(
                partial(engine_metrics.executions_finished.labels(status).inc), robust=True
            )
    return len(recorded)


def sweep() -> int:
    """Writes the figures of the runs that have ended since the last time; returns how many.

    Bounded, and paged by key: a run whose figures cannot be written does not stand before others.
    """
    recorded = 0
    waiting = WorkflowExecution.objects.filter(
        completed_at__isnull=False, metrics_recorded_at=None
    ).order_by("completed_at", "id")
    rows = waiting
    for _ in range(_PAGES):
        page = list(rows.values_list("completed_at", "id")[:_BATCH])
        recorded += _record_page([execution_id for _, execution_id in page])
        if len(page) < _BATCH:
            break
        rows = waiting.filter(TupleGreaterThan(Tuple("completed_at", "id"), page[-1]))
    return recorded


def _record_page(execution_ids: Sequence[UUID]) -> int:
    if not execution_ids:
        return 0
    try:
        return record(*execution_ids)
    except Exception:
        if len(execution_ids) == 1:
            logger.exception("run %s: its figures were not written", execution_ids[0])
            return 0
        return sum(_record_page([execution_id]) for execution_id in execution_ids)


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


def _record(execution_ids: Sequence[UUID]) -> list[tuple[UUID, str, bool]]:
    """Of those that had no figures yet: id, status and whether a step measured something."""
    ids = {f"id{n}": [uuid7() for _ in execution_ids] for n in range(1, 5)}
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, {"runs": list(execution_ids), **ids})
        rows: list[tuple[UUID, str, bool]] = cursor.fetchall()
    return rows


def _measured(execution_ids: Sequence[UUID]) -> dict[UUID, list[Figure]]:
    """What the steps measured, but for names that are not theirs to give."""
    figures: dict[UUID, list[Figure]] = {}
    if not execution_ids:
        return figures
    with connection.cursor() as cursor:
        cursor.execute(_MEASURED, [list(execution_ids)])
        rows = cursor.fetchall()
    for execution_id, name, value, unit in rows:
        if name not in DOCUMENTED:
            renamed = AI_USAGE if name == AI_CALLS else name
            figures.setdefault(execution_id, []).append(
                Figure(name=renamed, value=value, unit=unit or "")
            )
    return figures
