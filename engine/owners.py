"""For whom a step runs, for functions that show everybody what is theirs."""

from __future__ import annotations

from uuid import UUID

from engine.context import RunOwner, WorkflowContext
from engine.statements import execute

# Every AI step asks for it.
_ORGANISATION = "SELECT organisation_id FROM workflow_definitions WHERE id = %(workflow)s::uuid"


def owner_of(context: WorkflowContext) -> RunOwner:
    """The user and the organisation of the step's run, as far as its context tells."""
    run = context.data.get("run", {})
    workflow_id = _uuid(run.get("workflow_id"))
    return RunOwner(
        user_id=_uuid(run.get("user_id")),
        organisation_id=workflow_id and organisation_of(workflow_id),
        workflow_id=workflow_id,
        execution_id=_uuid(context.metadata.get("execution_id")),
    )


def organisation_of(workflow_id: UUID) -> UUID | None:
    """The organisation that a workflow belongs to."""
    found = execute(_ORGANISATION, workflow=workflow_id)
    return found[0][0] if found else None


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
