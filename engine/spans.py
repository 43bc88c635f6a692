"""A run as a span, and each attempt of its steps as one below it. Used only where tracing is on.

Attributes are ids, names and outcomes: no payloads, and no texts of errors.
"""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from opentelemetry import trace
from opentelemetry.trace import Span, StatusCode

from core import tracing
from core.errors import PlatformError
from engine import history
from engine.context import JsonObject
from engine.errors import WorkerLost
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from engine.transitions.flow import Advance
from engine.transitions.steps import Claim

OUTCOME = "workflow.outcome"

_Ended = tuple[Advance | None, Claim | None]


class _Attempt:
    """The span of the attempt that this thread makes, and whether its outcome is told."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.told = False


_attempt: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


class Run(Protocol):
    """What runs a claimed step."""

    def __call__(
        self, claim: Claim, outputs: dict[str, JsonObject], *, following: int | None
    ) -> _Ended: ...


def traced(
    run: Run, claim: Claim, outputs: dict[str, JsonObject], *, following: int | None
) -> _Ended:
    """Runs the step in a span, which is current meanwhile for what the step calls.

    Where the process is ended, whoever finds the step records its span.
    """
    span = tracing.begin(
        f"step {claim.step.id}",
        under=tracing.of_run(claim.execution_id),
        itself=tracing.of_attempt(claim.execution_id, claim.id, claim.attempt),
        attributes={
            "workflow.id": str(claim.run.workflow_id),
            "workflow.name": claim.definition.name,
            "workflow.execution_id": str(claim.execution_id),
            "workflow.step_execution_id": str(claim.id),
            "workflow.step_id": claim.step.id,
            "workflow.step_type": claim.step.step_type,
            "workflow.attempt": claim.attempt,
        },
    )
    attempt = _Attempt(span)
    token = _attempt.set(attempt)
    try:
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            advance, following_claim = run(claim, outputs, following=following)
    finally:
        _attempt.reset(token)
    if not attempt.told:
        _tell(span, "unsettled" if advance is None else "completed", "")
    span.end()
    return advance, following_claim


def tell(outcome: str, error: PlatformError | None = None) -> None:
    """Adds to the span of the attempt, where there is one, how it ended but by completing."""
    attempt = _attempt.get()
    if attempt is not None:
        _tell(attempt.span, outcome, "" if error is None else error.code)
        attempt.told = True


def record_lost(row: StepExecution, outcome: str) -> None:
    """Records an attempt whose process ended before it did, until now."""
    if not tracing.on():
        return
    span = tracing.begin(
        f"step {row.step_id}",
        under=tracing.of_run(row.execution_id),
        itself=tracing.of_attempt(row.execution_id, row.id, row.attempt),
        attributes={
            "workflow.execution_id": str(row.execution_id),
            "workflow.step_execution_id": str(row.id),
            "workflow.step_id": row.step_id,
            "workflow.step_type": row.step_type,
            "workflow.attempt": row.attempt,
        },
        started=_nanoseconds(row.started_at),
    )
    _tell(span, outcome, WorkerLost.code)
    span.end()


def record_run(execution_id: UUID, **_: Any) -> None:
    """Records a run that has ended: a receiver of `engine.signals.execution_finished`.

    A run that was retried has a span below the first for each time that it ran again.
    """
    run = (
        WorkflowExecution.objects.only(
            "status", "error_code", "started_at", "completed_at", "workflow__name"
        )
        .select_related("workflow")
        .get(id=execution_id)
    )
    retried = list(
        ExecutionEvent.objects.filter(execution_id=run.id, kind=history.EXECUTION_RETRIED)
        .order_by("id")
        .values_list("created_at", flat=True)
    )
    whole = tracing.of_run(run.id)
    span = tracing.begin(
        f"retry {len(retried)}" if retried else f"workflow {run.workflow.name}",
        under=whole if retried else None,
        itself=tracing.of_run(run.id, len(retried)),
        attributes={
            "workflow.id": str(run.workflow_id),
            "workflow.name": run.workflow.name,
            "workflow.execution_id": str(run.id),
        },
        started=_nanoseconds(retried[-1] if retried else run.started_at),
    )
    _tell(span, run.status, run.error_code)
    span.end(_nanoseconds(run.completed_at))


def _tell(span: Span, outcome: str, error_code: str) -> None:
    span.set_attribute(OUTCOME, outcome)
    if error_code:
        span.set_attribute("error.type", error_code)
        span.set_status(StatusCode.ERROR, error_code)


def _nanoseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1_000_000) * 1000
