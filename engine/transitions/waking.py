"""A waiting step goes on without anybody's answer."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from engine import history
from engine.models import ExecutionStatus, StepExecution, StepStatus
from engine.transitions import flow
from engine.transitions.flow import Advance


def wake(row: StepExecution, *, reason: str) -> Advance | None:
    """WAITING -> READY for a step that waited for no person: what it waited for is there.

    Args:
        reason: what it waited for, as its `waiting_for` says.

    Returns:
        None where it does not wait for that any more, or a later attempt does.
    """
    with transaction.atomic():
        run = flow.lock_run(row.execution_id)
        waiting = StepExecution.objects.filter(
            id=row.id, status=StepStatus.WAITING, attempt=row.attempt, waiting_for=reason
        )
        changed = waiting.update(
            status=StepStatus.READY,
            waiting_for="",
            next_send_at=Now() + flow.resend_after(),
        )
        if run is None or not changed:
            return None
        history.record_step(history.STEP_READY, row, after=reason)
        moving = run.status == ExecutionStatus.RUNNING and not run.failing
        return Advance(ready=(row.position,) if moving else ())
