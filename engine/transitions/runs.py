"""A whole run's life: started, paused, resumed, cancelled, retried."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from engine import history, statements
from engine.definition import WorkflowDefinition
from engine.models import (
    ExecutionStatus,
    StepExecution,
    StepStatus,
    WorkflowExecution,
)
from engine.propagation import Changes, Settled, affected, propagate
from engine.transitions import flow
from engine.transitions.flow import Advance

_OPEN_STEPS = (StepStatus.PENDING, StepStatus.READY, StepStatus.WAITING, StepStatus.RUNNING)


def start(run: WorkflowExecution, definition: WorkflowDefinition) -> Advance:
    """Writes a new run with all its steps; the roots are ready."""
    run.status = ExecutionStatus.RUNNING
    run.exits_left = len(definition.graph.sinks)
    statements.start_run(run, definition, resend_after=flow.resend_after())
    return Advance(ready=tuple(definition.graph.roots))


def pause(execution_id: UUID) -> bool:
    """RUNNING -> PAUSED: steps that run finish, no other starts. False where it was not running."""
    with transaction.atomic():
        run = flow.lock_run(execution_id)
        if run is None or run.status != ExecutionStatus.RUNNING or run.failing:
            return False
        WorkflowExecution.objects.filter(id=run.id).update(status=ExecutionStatus.PAUSED)
        history.record(history.EXECUTION_PAUSED, execution_id=run.id)
    return True


def resume(execution_id: UUID) -> Advance | None:
    """PAUSED -> RUNNING, with what has become ready meanwhile. None where it was not paused."""
    with transaction.atomic():
        run = flow.lock_run(execution_id)
        if run is None or run.status != ExecutionStatus.PAUSED:
            return None
        run.status = ExecutionStatus.RUNNING
        WorkflowExecution.objects.filter(id=run.id).update(status=run.status)
        history.record(history.EXECUTION_RESUMED, execution_id=run.id)
        flow.finish(run, flow.load_definition(run))
        return _send_ready(run)


def cancel(execution_id: UUID) -> bool:
    """Open -> CANCELLED at once; what a running step still returns changes nothing any more."""
    with transaction.atomic():
        run = flow.lock_run(execution_id)
        if run is None or run.status not in (
            ExecutionStatus.PENDING,
            ExecutionStatus.RUNNING,
            ExecutionStatus.PAUSED,
        ):
            return False
        statements.cancel_steps(run.id, _OPEN_STEPS)
        flow.end(run, ExecutionStatus.CANCELLED, history.EXECUTION_CANCELLED)
    return True


def retry(execution_id: UUID) -> Advance | None:
    """FAILED -> RUNNING: failed steps again, and what was cancelled because of them. None if not
    failed.
    """
    with transaction.atomic():
        run = flow.lock_run(execution_id)
        if run is None or run.status != ExecutionStatus.FAILED:
            return None
        definition = flow.load_definition(run)
        run.status, run.failing = ExecutionStatus.RUNNING, False
        WorkflowExecution.objects.filter(id=run.id).update(
            status=run.status,
            failing=False,
            error_code="",
            error_message=None,
            completed_at=None,
            metrics_recorded_at=None,
        )
        history.record(history.EXECUTION_RETRIED, execution_id=run.id)
        _reopen(run, definition)
        flow.finish(run, definition)
        return _send_ready(run)


def _reopen(run: WorkflowExecution, definition: WorkflowDefinition) -> None:
    """Puts steps back to where the failure found them: by their counters, which kept counting."""
    graph = definition.graph
    rows = StepExecution.objects.filter(execution_id=run.id, scope="")
    stopped = [
        position
        for position, status in rows.values_list("position", "status")
        if status == StepStatus.CANCELLED
        or (status == StepStatus.FAILED and definition.steps[position].on_error == "fail")
    ]
    rows.filter(position__in=stopped).update(
        status=StepStatus.PENDING,
        completed_at=None,
        error_code="",
        error_message=None,
        failures=0,
        due_at=None,
        waiting_for="",
        waiting_data=None,
    )
    history.record_steps(
        history.STEP_RESET, run.id, [definition.steps[n].id for n in sorted(stopped)]
    )
    ready = Changes()
    dead = []
    for position, arrived, live in rows.filter(position__in=stopped).values_list(
        "position", "arrived", "live"
    ):
        if arrived == len(graph.dependencies[position]):
            ready.counts[position] = arrived, live
            if live or not arrived:
                ready.ready.append(position)
            else:
                ready.skipped.append(position)
                dead.append(position)
    flow.write(run, ready)
    for position in dead:
        settled = Settled(position=position, open=frozenset())
        counts = {
            n: (arrived, live)
            for n, arrived, live in rows.filter(
                position__in=list(affected(graph, settled))
            ).values_list("position", "arrived", "live")
        }
        flow.write(run, propagate(graph, settled, counts))


def _send_ready(run: WorkflowExecution) -> Advance:
    """Everything that is ready and due, to be sent now. Retries are sent when they are due."""
    rows = StepExecution.objects.filter(execution_id=run.id, scope="", status=StepStatus.READY)
    # The reconciler may have put all of them aside meanwhile.
    rows.exclude(due_at=None).update(next_send_at=F("due_at"), sends=0)
    ready = rows.filter(due_at=None)
    ready.update(next_send_at=Now() + flow.resend_after())
    return Advance(ready=tuple(ready.order_by("position").values_list("position", flat=True)))
