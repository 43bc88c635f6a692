"""Contexts of stored runs: inputs and the outputs of the steps that somebody reads, decrypted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from core.fields import encrypted_field
from engine import statements
from engine.context import JsonObject, WorkflowContext, step_data
from engine.definition import WorkflowDefinition
from engine.models import StepExecution, WorkflowExecution


class StepCall(Protocol):
    """One attempt at a step: a claim, or the row of a step that waits."""

    @property
    def id(self) -> UUID: ...
    @property
    def step_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...


_OUTPUT = encrypted_field(StepExecution, "output_data")
_KEPT = 16
# By run: what it was started with, and the facts that expressions read as `run`.
_starts: dict[UUID, tuple[WorkflowContext, JsonObject]] = {}


def start_context(run: WorkflowExecution) -> WorkflowContext:
    """What the run was started with, which never changes: the last few are kept in memory."""
    return _start(run)[0]


def _start(run: WorkflowExecution) -> tuple[WorkflowContext, JsonObject]:
    start = _starts.get(run.id)
    if start is None:
        start = _starts[run.id] = _read(run), _facts(run)
        for old in list(_starts)[:-_KEPT]:  # a list in one operation: threads share the dictionary
            _starts.pop(old, None)
    return start


def _facts(run: WorkflowExecution) -> JsonObject:
    return {
        "id": str(run.id),
        "workflow_id": str(run.workflow_id),
        "user_id": str(run.user_id),
        "started_at": run.started_at.isoformat() if run.started_at else None,
    }


def is_kept(execution_id: UUID) -> bool:
    """Whether `start_context` needs no more than the run's id."""
    return execution_id in _starts


def _read(run: WorkflowExecution) -> WorkflowContext:
    stored = run.context or WorkflowExecution.objects.only("context").get(id=run.id).context
    return WorkflowContext(
        user_id=stored["user_id"],
        session_id=stored["session_id"],
        data=stored["data"],
        metadata=stored["metadata"],
        created_at=datetime.fromisoformat(stored["created_at"]),
        updated_at=datetime.fromisoformat(stored["updated_at"]),
    )


def step_context(
    call: StepCall,
    run: WorkflowExecution,
    definition: WorkflowDefinition,
    *,
    known: dict[str, JsonObject] | None = None,
) -> WorkflowContext:
    """What one attempt at a step sees.

    Args:
        known: `{id: {"status", "output"}}` of completed steps that need not be read again; what is
            read is added.
    """
    start, facts = _start(run)
    return WorkflowContext(
        user_id=start.user_id,
        session_id=start.session_id,
        data=variables(run, definition, definition.step(call.step_id).reads, known),
        metadata={
            **start.metadata,
            "execution_id": facts["id"],
            "step_execution_id": str(call.id),
            "attempt": call.attempt,
            "idempotency_key": f"{facts['id']}/{call.step_id}/",
        },
        created_at=start.created_at,
        updated_at=start.updated_at,
    )


def variables(
    run: WorkflowExecution,
    definition: WorkflowDefinition,
    reads: Iterable[str],
    known: dict[str, JsonObject] | None = None,
) -> JsonObject:
    """The variables of expressions that read these steps."""
    known = {} if known is None else known
    start, facts = _start(run)
    read = read_outputs(run.id, definition, [n for n in reads if n not in known])
    data = step_data(
        inputs=start.data,
        outputs={n: known[n] for n in reads if n in known} | read,
        run=dict(facts),
    )
    known.update((n, each) for n, each in read.items() if each["status"] == "completed")
    return data


def read_outputs(
    execution_id: UUID, definition: WorkflowDefinition, step_ids: Iterable[str]
) -> dict[str, JsonObject]:
    """`{id: {"status", "output"}}` of these steps; `output` only where there is one."""
    positions = [definition.index[step_id] for step_id in step_ids]
    if not positions:
        return {}
    read: dict[str, JsonObject] = {}
    for pk, step_id, status, sealed in statements.read_outputs(execution_id, positions):
        read[step_id] = {"status": status}
        if sealed is not None:
            read[step_id]["output"] = _OUTPUT.open(pk, sealed)
    return read
