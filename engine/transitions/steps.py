"""One step's life: claimed, settled, retried, answered, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from core.errors import KeyUnavailable, PlatformError
from core.fields import seal
from engine import failpoints, history
from engine.context import JsonObject
from engine.definition import WorkflowDefinition, WorkflowStep
from engine.errors import DatabaseUnavailable, WorkerLost
from engine.models import ExecutionStatus, StepExecution, StepStatus, WorkflowExecution
from engine.propagation import Settled
from engine.step import Measurement, StepResult, WaitingFor
from engine.transitions import flow
from engine.transitions.flow import Advance

# Failures of what is around a step: they use up none of its policy's attempts.
NOT_ITS_OWN = (DatabaseUnavailable, KeyUnavailable, WorkerLost)
_RELEASED = {"lease_owner": "", "lease_expires_at": None, "next_send_at": None}


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A step that this worker runs: the attempt number fences everything that it writes.

    Attributes:
        id: of the step execution.
        run: the run as it was when the step was claimed, without payloads.
        owner: who holds the lease, as `host:pid:thread`.
        trace: ids of the message, for the history.
    """

    id: UUID
    execution_id: UUID
    attempt: int
    step: WorkflowStep
    definition: WorkflowDefinition
    run: WorkflowExecution
    owner: str
    trace: JsonObject

    @property
    def step_id(self) -> str:
        """The step's id in the definition."""
        return self.step.id


def lease() -> timedelta:
    """How long a claim holds without renewal."""
    return timedelta(seconds=settings.ENGINE_LEASE_SECONDS)


def claim(execution_id: UUID, position: int, *, owner: str, trace: JsonObject) -> Claim | None:
    """READY -> RUNNING for one worker, where the run is running and the step is due.

    Returns:
        None where the step is not ready (any more), which is no error.
    """
    with transaction.atomic():
        run = flow.lock_run(execution_id)
        return None if run is None else _take(run, position, owner=owner, trace=trace)


def _take(run: WorkflowExecution, position: int, *, owner: str, trace: JsonObject) -> Claim | None:
    if run.status != ExecutionStatus.RUNNING or run.failing:
        return None
    ready = StepExecution.objects.filter(
        Q(due_at=None) | Q(due_at__lte=Now()),
        execution_id=run.id,
        position=position,
        scope="",
        status=StepStatus.READY,
    )
    row = ready.only("id", "execution_id", "step_id", "scope", "attempt").first()
    if row is None:
        return None
    StepExecution.objects.filter(id=row.id).update(
        status=StepStatus.RUNNING,
        attempt=F("attempt") + 1,
        lease_owner=owner,
        lease_expires_at=Now() + lease(),
        started_at=Now(),
        due_at=None,
        next_send_at=None,
        sends=0,
    )
    attempt = row.attempt + 1
    history.record_step(history.STEP_STARTED, row, attempt=attempt, owner=owner, **trace)
    definition = flow.load_definition(run)
    return Claim(
        id=row.id,
        execution_id=run.id,
        attempt=attempt,
        step=definition.steps[position],
        definition=definition,
        run=run,
        owner=owner,
        trace=trace,
    )


def complete(
    claim: Claim,
    result: StepResult,
    *,
    received: JsonObject | None,
    elapsed_ms: int,
    following: int | None = None,
) -> tuple[Advance, Claim | None] | None:
    """RUNNING -> COMPLETED, with its output and what it received (None: not stored, see
    `engine.received`); and `following`, where it is ready then, is claimed.

    Returns:
        What it led to and the claim of `following`; None where the claim does not hold any more.
    """
    columns = {
        "input_data": None,  # also where an attempt that failed stored it
        **_payload(claim.id, received=received, elapsed_ms=elapsed_ms),
        **_outcome(claim.id, result),
    }
    with transaction.atomic():
        run = _hold(claim, StepStatus.COMPLETED, history.STEP_COMPLETED, **columns)
        if run is None:
            return None
        open_positions = _open(claim.definition, claim.step.position, result)
        settled = Settled(position=claim.step.position, open=open_positions)
        advance = flow.advance(run, claim.definition, settled, claiming=following)
        if following is None:
            return advance, None
        return advance, _take(run, following, owner=claim.owner, trace=claim.trace)


def skip(claim: Claim) -> Advance | None:
    """RUNNING -> SKIPPED: its `when` said no."""
    return _settle(claim, StepStatus.SKIPPED, history.STEP_SKIPPED, frozenset())


def fail(
    claim: Claim, error: PlatformError, *, received: JsonObject | None, elapsed_ms: int | None
) -> Advance | None:
    """RUNNING -> FAILED. The run fails too, unless the step says that its dependents go on."""
    columns = _payload(claim.id, received=received, elapsed_ms=elapsed_ms)
    columns |= _error(claim.id, error)
    if claim.step.on_error == "continue":
        shown = {"error": {"code": error.code, "message": error.message}}
        columns["output_data"] = seal(StepExecution, claim.id, "output_data", shown)
        return _settle(claim, StepStatus.FAILED, history.STEP_FAILED, None, **columns)
    with transaction.atomic():
        run = _hold(claim, StepStatus.FAILED, history.STEP_FAILED, **columns)
        if run is None:
            return None
        flow.begin_failing(run, error, f"step '{claim.step.id}'")
        flow.finish(run, claim.definition)
    return Advance()


def retry_later(
    claim: Claim, error: PlatformError, *, delay_seconds: float, received: JsonObject | None
) -> Advance | None:
    """RUNNING -> READY, due after the delay. The reconciler sends it then."""
    with transaction.atomic():
        due = Now() + timedelta(seconds=delay_seconds)
        run = _hold(
            claim,
            StepStatus.READY,
            history.STEP_RETRYING,
            event={"code": error.code, "delay_seconds": round(delay_seconds, 3)},
            **_payload(claim.id, received=received, elapsed_ms=None),
            **_error(claim.id, error),
            completed_at=None,
            due_at=due,
            next_send_at=due,
        )
        if run is None:
            return None
        if run.failing:
            StepExecution.objects.filter(id=claim.id).update(
                status=StepStatus.CANCELLED, due_at=None, next_send_at=None
            )
            history.record_steps(history.STEP_CANCELLED, run.id, [claim.step.id])
            flow.finish(run, claim.definition)
    return Advance()


def wait(
    claim: Claim, waiting_for: WaitingFor, *, received: JsonObject, elapsed_ms: int
) -> Advance | None:
    """RUNNING -> WAITING, durably and on no worker, until somebody answers or `wake` is called."""
    shown = {
        "title": waiting_for.title,
        "form": waiting_for.form,
        "details": waiting_for.details,
    }
    with transaction.atomic():
        run = _hold(
            claim,
            StepStatus.WAITING,
            history.STEP_WAITING,
            event={"for": waiting_for.kind},
            **_payload(claim.id, received=received, elapsed_ms=elapsed_ms),
            completed_at=None,
            waiting_for=waiting_for.kind,
            waiting_data=seal(StepExecution, claim.id, "waiting_data", shown),
        )
        if run is None:
            return None
        if run.failing:
            StepExecution.objects.filter(id=claim.id).update(status=StepStatus.CANCELLED)
            history.record_steps(history.STEP_CANCELLED, run.id, [claim.step.id])
            flow.finish(run, claim.definition)
    return Advance()


def answer(
    row: StepExecution, result: StepResult, definition: WorkflowDefinition, *, by: UUID
) -> Advance | None:
    """WAITING -> COMPLETED with what the executor made of the answer. None where it waits no
    more.
    """
    with transaction.atomic():
        run = flow.lock_run(row.execution_id)
        waiting = StepExecution.objects.filter(
            id=row.id, status=StepStatus.WAITING, attempt=row.attempt
        )
        changed = waiting.update(
            status=StepStatus.COMPLETED, completed_at=Now(), **_outcome(row.id, result)
        )
        if run is None or not changed:
            return None
        history.record_step(history.STEP_COMPLETED, row, answered_by=str(by))
        settled = Settled(position=row.position, open=_open(definition, row.position, result))
        return flow.advance(run, definition, settled)


def take_back(row: StepExecution) -> Advance | None:
    """RUNNING -> READY for a step whose lease ran out; FAILED where that happened too often."""
    with transaction.atomic():
        run = flow.lock_run(row.execution_id)
        if run is None:
            return None
        definition = flow.load_definition(run)
        lost = Claim(
            id=row.id,
            execution_id=row.execution_id,
            attempt=row.attempt,
            step=definition.steps[row.position],
            definition=definition,
            run=run,
            owner=row.lease_owner,
            trace={},
        )
        expired = StepExecution.objects.filter(
            id=row.id,
            status=StepStatus.RUNNING,
            attempt=row.attempt,
            lease_expires_at__lte=Now(),
        )
        if not expired.exists():
            return None
        losses = history.losses(row) + 1
        if run.failing or losses >= settings.ENGINE_WORKER_LOST_ATTEMPTS:
            return fail(lost, WorkerLost(), received=None, elapsed_ms=None)
        return _release(run, row, history.STEP_LOST)


def hand_back(row: StepExecution) -> Advance | None:
    """RUNNING -> READY for a step that its worker gives up because it stops, which counts as no
    loss. None where it does not run any more.
    """
    with transaction.atomic():
        run = flow.lock_run(row.execution_id)
        held = StepExecution.objects.filter(
            id=row.id, status=StepStatus.RUNNING, attempt=row.attempt
        )
        if run is None or not held.exists():
            return None
        advance = _release(run, row, history.STEP_HANDED_BACK)
        if run.failing:
            StepExecution.objects.filter(id=row.id).update(
                status=StepStatus.CANCELLED, next_send_at=None, completed_at=Now()
            )
            history.record_steps(history.STEP_CANCELLED, run.id, [row.step_id])
            flow.finish(run, flow.load_definition(run))
        return advance


def _release(run: WorkflowExecution, row: StepExecution, kind: str) -> Advance:
    resend = Now() + flow.resend_after()
    StepExecution.objects.filter(id=row.id).update(
        **_RELEASED | {"status": StepStatus.READY, "next_send_at": resend}
    )
    history.record_step(kind, row, owner=row.lease_owner)
    moving = run.status == ExecutionStatus.RUNNING and not run.failing
    return Advance(ready=(row.position,) if moving else ())


def _settle(
    claim: Claim,
    status: StepStatus,
    kind: str,
    open_positions: frozenset[int] | None,
    **columns: Any,
) -> Advance | None:
    with transaction.atomic():
        run = _hold(claim, status, kind, **columns)
        if run is None:
            return None
        settled = Settled(position=claim.step.position, open=open_positions)
        return flow.advance(run, claim.definition, settled)


def _hold(
    claim: Claim, status: StepStatus, kind: str, event: JsonObject | None = None, **columns: Any
) -> WorkflowExecution | None:
    """Locks the run and writes the step's columns, where the claim still holds."""
    run = flow.lock_run(claim.execution_id)
    changed = StepExecution.objects.filter(
        id=claim.id, status=StepStatus.RUNNING, attempt=claim.attempt
    ).update(**{**_RELEASED, "completed_at": Now(), **columns, "status": status})
    if run is None or not changed:
        return None
    row = StepExecution(
        id=claim.id, execution_id=claim.execution_id, step_id=claim.step.id, attempt=claim.attempt
    )
    history.record_step(kind, row, **(event or {}))
    failpoints.reach("before_commit")
    return run


def _open(
    definition: WorkflowDefinition, position: int, result: StepResult
) -> frozenset[int] | None:
    if not result.closed:
        return None
    closed = {definition.index[step_id] for step_id in result.closed}
    return frozenset(definition.graph.dependents[position]) - closed


def _payload(pk: UUID, *, received: JsonObject | None, elapsed_ms: int | None) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if received is not None:
        columns["input_data"] = seal(StepExecution, pk, "input_data", received)
    if elapsed_ms is not None:
        columns["execution_time_ms"] = elapsed_ms
    return columns


def _outcome(pk: UUID, result: StepResult) -> dict[str, Any]:
    return {
        "output_data": seal(StepExecution, pk, "output_data", result.output),
        "measurements": measured(result.measurements),
        "error_code": "",
        "error_message": None,
    }


def _error(pk: UUID, error: PlatformError) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "error_code": error.code,
        "error_message": flow.sealed_text(StepExecution, pk, error, _text(error)),
    }
    if not isinstance(error, NOT_ITS_OWN):
        columns["failures"] = F("failures") + 1
    return columns


def _text(error: PlatformError) -> str:
    problems = [f"{p.path}: {p.message}" if p.path else p.message for p in error.problems]
    return "\n".join([error.message, *problems])


def measured(measurements: Sequence[Measurement]) -> list[list[Any]] | None:
    """Measurements as their column holds them; None where there are none."""
    return [[m.name, m.value, m.unit] for m in measurements] or None


def expired_leases(*, after: tuple[datetime, UUID] | None, limit: int) -> list[StepExecution]:
    """Running steps whose lease has run out, oldest first, behind the (expiry, id) `after`."""
    rows = StepExecution.objects.filter(status=StepStatus.RUNNING, lease_expires_at__lte=Now())
    if after is not None:
        expiry, pk = after
        rows = rows.filter(Q(lease_expires_at__gt=expiry) | Q(lease_expires_at=expiry, id__gt=pk))
    return list(
        rows.defer("input_data", "output_data", "error_message", "waiting_data").order_by(
            "lease_expires_at", "id"
        )[:limit]
    )
