"""Runs as the engine leaves them, written as rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from core.ids import uuid7
from core.models import User
from engine.models import StepExecution, Workflow, WorkflowExecution, WorkflowVersion


def ended(
    workflow: Workflow,
    user: User,
    *,
    status: str = "completed",
    seconds: float = 10,
    created: datetime | None = None,
    ago: timedelta = timedelta(minutes=1),
    steps: list[dict[str, Any]] | None = None,
) -> WorkflowExecution:
    """A run that took `seconds`; its steps have these fields, and names a, b ...."""
    created = created or timezone.now() - ago
    over = status in ("completed", "failed", "cancelled")
    run = WorkflowExecution.objects.create(
        id=uuid7(),
        workflow=workflow,
        user=user,
        session_id="tests",
        status=status,
        context={},
        definition_version=WorkflowVersion.objects.get(workflow=workflow, number=workflow.latest),
        exits_left=0,
        created_at=created,
        started_at=created,
        completed_at=created + timedelta(seconds=seconds) if over else None,
    )
    for position, fields in enumerate(steps or []):
        StepExecution.objects.create(
            id=uuid7(),
            execution=run,
            position=position,
            **{
                "step_id": "abcdefgh"[position],
                "step_type": "FUNCTION",
                "status": "completed",
                **fields,
            },
        )
    return run
