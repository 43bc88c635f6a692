"""An answer that sends a waiting step back to work; one that ends it: `steps.answer`."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from core.fields import seal
from engine import history
from engine.context import JsonObject
from engine.models import ExecutionStatus, StepExecution, StepStatus
from engine.transitions import flow
from engine.transitions.flow import Advance


def send_back(row: StepExecution, details: JsonObject, *, by: UUID) -> Advance | None:
    """WAITING -> READY: the step runs again, knowing `details`. None where it waits no more.

    They stand where the question stood, until the step asks the next one or is done.
    """
    with transaction.atomic():
        run = flow.lock_run(row.execution_id)
        waiting = StepExecution.objects.filter(
            id=row.id, status=StepStatus.WAITING, attempt=row.attempt
        )
        changed = waiting.update(
            status=StepStatus.READY,
            waiting_for="",
            waiting_data=seal(StepExecution, row.id, "waiting_data", {"details": details}),
            completed_at=None,
            next_send_at=Now() + flow.resend_after(),
            sends=0,
        )
        if run is None or not changed:
            return None
        history.record_step(history.STEP_SENT_BACK, row, answered_by=str(by))
        moving = run.status == ExecutionStatus.RUNNING and not run.failing
        return Advance(ready=(row.position,) if moving else ())
