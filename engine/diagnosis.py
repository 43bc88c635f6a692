"""Reads what `engine.waiting` judges by: a run's open steps, queues, workers and the database."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Count, ExpressionWrapper, Q, Window
from django.db.models.functions import Now, RowNumber

from core.errors import PlatformError
from engine import broker, definitions, history, presence, registry, waiting
from engine.models import (
    ExecutionEvent,
    ExecutionStatus,
    StepExecution,
    StepStatus,
    WorkerKind,
    WorkflowExecution,
    WorkflowWorker,
)
from engine.transitions import steps
from engine.waiting import Facts, OpenStep, Queue, Reason

SLOW_SECONDS = 1.0
_STEPS = 20  # of each kind: the others of a wide run wait for the same
_OPEN_STEPS = (StepStatus.RUNNING, StepStatus.READY, StepStatus.WAITING)
_OPEN = (ExecutionStatus.PENDING, ExecutionStatus.RUNNING, ExecutionStatus.PAUSED)

# Reading is left out unless a lock keeps it: a report may take its time without harm to any run.
_DATABASE = """
SELECT statement_timestamp(), count(activity.pid), min(activity.query_start)
  FROM (SELECT 1) AS always
  LEFT JOIN pg_stat_activity AS activity
    ON activity.datname = current_database()
   AND activity.pid <> pg_backend_pid()
   AND activity.state = 'active'
   AND activity.query_start < clock_timestamp() - make_interval(secs => %s)
   AND activity.query LIKE '%%workflow\\_%%'
   AND (activity.wait_event_type = 'Lock'
        OR activity.query ~* '^\\s*(with|insert|update|delete)\\M')
"""


def reasons(run: WorkflowExecution) -> list[Reason]:
    """Why the run does not move, or that it does; nothing for a run that has ended."""
    if run.status not in _OPEN:
        return []
    return waiting.explain(_facts(run), slow_seconds=SLOW_SECONDS)


def _facts(run: WorkflowExecution) -> Facts:
    began = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_DATABASE, [SLOW_SECONDS])
        now, blocked, blocked_since = cursor.fetchone()
    rows = _open_steps(run)
    answer_seconds = time.monotonic() - began
    ready_on = {row.queue for row in rows if row.status == StepStatus.READY}
    return Facts(
        now=now,
        paused_since=_paused_since(run),
        steps=rows,
        queues=_queues(ready_on, now) if ready_on else {},
        lease=steps.lease(),
        blocked=blocked,
        blocked_since=blocked_since,
        answer_seconds=answer_seconds,
    )


def _paused_since(run: WorkflowExecution) -> datetime | None:
    if run.status != ExecutionStatus.PAUSED:
        return None
    paused = run.events.filter(kind=history.EXECUTION_PAUSED).order_by("-id")
    return paused.values_list("created_at", flat=True).first()


def _open_steps(run: WorkflowExecution) -> list[OpenStep]:
    # By all that `waiting` tells causes by: the twenty-first may wait for something else.
    kind = ["status", "queue", "waiting_for", "error_code", "is_delayed", "is_kept"]
    rows = (
        run.steps.filter(status__in=_OPEN_STEPS)
        .annotate(
            is_delayed=_holds(due_at__gt=Now()),
            is_kept=_holds(lease_expires_at__gt=Now() + steps.lease() * waiting.LEASE_KEPT),
        )
        .annotate(
            place=Window(RowNumber(), partition_by=kind, order_by=("position", "scope")),
            alike=Window(Count("id"), partition_by=kind),
        )
        .filter(place__lte=_STEPS)
        .defer("input_data", "output_data", "error_message", "waiting_data")
    )
    entered = _entered(run.id, {row.step_id for row in rows})
    queues = _queue_names(run)
    return [
        OpenStep(
            step_id=row.step_id,
            status=row.status,
            since=entered.get((row.step_id, row.scope)) or row.started_at or run.created_at,
            queue=queues.get(row.position, "default"),
            attempt=row.attempt,
            error_code=row.error_code,
            delayed_until=row.due_at,
            lease_until=row.lease_expires_at,
            resent_at=row.next_send_at,
            owner=row.lease_owner,
            waiting_for=row.waiting_for,
            stands_for=1 + (row.alike - _STEPS if row.place == _STEPS else 0),
        )
        for row in rows
    ]


def _holds(**condition: Any) -> ExpressionWrapper[Any]:
    return ExpressionWrapper(Q(**condition), output_field=BooleanField())


def _entered(execution_id: UUID, step_ids: Collection[str]) -> dict[tuple[str, str], datetime]:
    """(step id, scope) -> when it entered its status."""
    events = ExecutionEvent.objects.filter(
        execution_id=execution_id, step_id__in=step_ids, kind__in=history.STEP_STATES
    )
    latest = events.order_by("step_id", "scope", "-id").distinct("step_id", "scope")
    return {
        (step_id, scope): at
        for step_id, scope, at in latest.values_list("step_id", "scope", "created_at")
    }


def _queue_names(run: WorkflowExecution) -> dict[int, str]:
    try:
        definition = definitions.load(run.definition_version_id)
    except PlatformError:
        return {}  # a step type that is not installed any more
    return {step.position: step.queue for step in definition.steps}


def _queues(names: Collection[str], now: datetime) -> dict[str, Queue] | None:
    lengths = broker.queue_lengths(names)
    if lengths is None:
        return None
    busy: Counter[str] = Counter()
    running = StepExecution.objects.filter(status=StepStatus.RUNNING, lease_expires_at__gt=now)
    kinds = registry.executors()
    for step_type, count in running.values_list("step_type").annotate(Count("id")):
        busy[kinds[step_type].queue if step_type in kinds else "default"] += count
    workers = list(WorkflowWorker.objects.filter(kind=WorkerKind.WORKER))
    return {
        name: _queue(name, messages, busy[name], workers, alive_since=now - presence.stale_after())
        for name, messages in lengths.items()
    }


def _queue(
    name: str,
    messages: int,
    busy: int,
    workers: list[WorkflowWorker],
    *,
    alive_since: datetime,
) -> Queue:
    serving = [worker for worker in workers if name in worker.queues]
    alive = [w for w in serving if w.seen_at > alive_since and not w.stopping]
    return Queue(
        messages=messages,
        workers=len(alive),
        free=max(0, sum(worker.concurrency for worker in alive) - busy),
        last_seen=max((worker.seen_at for worker in serving), default=None),
    )
