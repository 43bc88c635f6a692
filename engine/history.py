"""The kinds of events in a run's history, and what state they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from engine.models import ExecutionEvent, ExecutionStatus, StepExecution, StepStatus

EXECUTION_STARTED = "execution.started"
EXECUTION_PAUSED = "execution.paused"
EXECUTION_RESUMED = "execution.resumed"
EXECUTION_FAILING = "execution.failing"
EXECUTION_RETRIED = "execution.retried"
EXECUTION_COMPLETED = "execution.completed"
EXECUTION_FAILED = "execution.failed"
EXECUTION_CANCELLED = "execution.cancelled"
STEP_READY = "step.ready"
STEP_STARTED = "step.started"
STEP_WAITING = "step.waiting"
STEP_COMPLETED = "step.completed"
STEP_FAILED = "step.failed"
STEP_SKIPPED = "step.skipped"
STEP_CANCELLED = "step.cancelled"
STEP_RETRYING = "step.retrying"
STEP_LOST = "step.lost"
STEP_HANDED_BACK = "step.handed_back"  # by a worker that stops: no loss
STEP_SENT_BACK = "step.sent_back"  # by whoever was asked
STEP_RESET = "step.reset"
STEP_RESENT = "step.resent"  # by the reconciler: changes no state

EXECUTION_STATES = {
    EXECUTION_STARTED: ExecutionStatus.RUNNING,
    EXECUTION_PAUSED: ExecutionStatus.PAUSED,
    EXECUTION_RESUMED: ExecutionStatus.RUNNING,
    EXECUTION_RETRIED: ExecutionStatus.RUNNING,
    EXECUTION_COMPLETED: ExecutionStatus.COMPLETED,
    EXECUTION_FAILED: ExecutionStatus.FAILED,
    EXECUTION_CANCELLED: ExecutionStatus.CANCELLED,
}
STEP_STATES = {
    STEP_READY: StepStatus.READY,
    STEP_STARTED: StepStatus.RUNNING,
    STEP_WAITING: StepStatus.WAITING,
    STEP_COMPLETED: StepStatus.COMPLETED,
    STEP_FAILED: StepStatus.FAILED,
    STEP_SKIPPED: StepStatus.SKIPPED,
    STEP_CANCELLED: StepStatus.CANCELLED,
    STEP_RETRYING: StepStatus.READY,
    STEP_LOST: StepStatus.READY,
    STEP_HANDED_BACK: StepStatus.READY,
    STEP_SENT_BACK: StepStatus.READY,
    STEP_RESET: StepStatus.PENDING,
}


def record(kind: str, *, execution_id: UUID, **data: Any) -> None:
    """Writes an event of the run itself. Call it in the transaction of what it tells."""
    ExecutionEvent.objects.create(execution_id=execution_id, kind=kind, data=data)


def record_step(kind: str, step: StepExecution, *, attempt: int | None = None, **data: Any) -> None:
    """Writes an event of one step."""
    ExecutionEvent.objects.create(
        execution_id=step.execution_id,
        kind=kind,
        step_id=step.step_id,
        scope=step.scope,
        attempt=step.attempt if attempt is None else attempt,
        data=data,
    )


def record_steps(kind: str, execution_id: UUID, step_ids: Iterable[str]) -> None:
    """Writes the same event for many steps at once."""
    ExecutionEvent.objects.bulk_create(
        [ExecutionEvent(execution_id=execution_id, kind=kind, step_id=n) for n in step_ids],
        batch_size=5_000,
    )


def losses(step: StepExecution) -> int:
    """How often the step has lost its worker, since an operator last retried it."""
    events = ExecutionEvent.objects.filter(
        execution_id=step.execution_id, step_id=step.step_id, kind__in=(STEP_LOST, STEP_RESET)
    )
    kinds = list(events.order_by("-id").values_list("kind", flat=True))
    return kinds.index(STEP_RESET) if STEP_RESET in kinds else len(kinds)


def replay(events: Sequence[ExecutionEvent]) -> tuple[str, dict[tuple[str, str], str]]:
    """The run's status, and each (step id, scope)'s, that this history leads to."""
    status: str = ExecutionStatus.PENDING
    steps: dict[tuple[str, str], str] = {}
    for event in events:
        status = EXECUTION_STATES.get(event.kind, status)
        if event.kind in STEP_STATES:
            steps[event.step_id, event.scope] = STEP_STATES[event.kind]
    return status, steps
