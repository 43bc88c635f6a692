"""What follows from a settled step, inside the transaction that settles it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from core.encryption import Sealed
from core.errors import MAX_MESSAGE, KeyUnavailable, PlatformError, shortened
from core.fields import seal
from engine import contexts, definitions, history, rules, statements
from engine.context import JsonObject
from engine.definition import WorkflowDefinition
from engine.models import ExecutionStatus, StepExecution, StepStatus, WorkflowExecution
from engine.propagation import Changes, Settled, affected, propagate
from engine.signals import execution_finished

Status = ExecutionStatus
_OPEN_STEPS = (StepStatus.PENDING, StepStatus.READY, StepStatus.WAITING)

_MAX_TEXT = 2 * MAX_MESSAGE  # of an error with its problems


@dataclass(frozen=True, kw_only=True, slots=True)
class Advance:
    """What a transition led to.

    Attributes:
        ready: positions that became ready and should be sent to workers.
    """

    ready: tuple[int, ...] = ()


def lock_run(execution_id: UUID) -> WorkflowExecution | None:
    """The run, locked until the transaction ends."""
    return (
        WorkflowExecution.objects.select_for_update()
        .defer("context", "results", "error_message")
        .filter(id=execution_id)
        .first()
    )


def resend_after() -> timedelta:
    """How long a message may take to bring a ready step to a worker."""
    return timedelta(seconds=settings.ENGINE_RESEND_SECONDS)


def advance(
    run: WorkflowExecution,
    definition: WorkflowDefinition,
    settled: Settled,
    *,
    claiming: int | None = None,
) -> Advance:
    """Counts a settled step at its dependents, and finishes the run where it was the last.

    Args:
        claiming: the position that the same transaction claims, if it becomes ready.
    """
    positions = list(affected(definition.graph, settled))
    counts = {
        position: (arrived, live)
        for position, arrived, live in StepExecution.objects.filter(
            execution_id=run.id, scope="", position__in=positions
        ).values_list("position", "arrived", "live")
    }
    changes = propagate(definition.graph, settled, counts, spread=not run.failing)
    ready = write(run, changes, claiming=claiming)
    finish(run, definition)
    return Advance(ready=tuple(ready) if run.status == Status.RUNNING else ())


def write(
    run: WorkflowExecution,
    changes: Changes,
    *,
    claiming: int | None = None,
) -> list[int]:
    """Writes counters, readiness and skips; the positions that are ready now."""
    status = dict.fromkeys(changes.counts, str(StepStatus.PENDING))
    status |= dict.fromkeys(changes.ready, str(StepStatus.READY))
    status |= dict.fromkeys(changes.skipped, str(StepStatus.SKIPPED))
    # A step that is claimed in the same breath starts without having been ready for anybody.
    claimable = run.status == Status.RUNNING and not run.failing
    ready = statements.advance(
        run.id,
        [(n, *changes.counts[n], status[n]) for n in sorted(changes.counts)],
        resend_after=resend_after(),
        untold=claiming if claimable else None,
    )
    if changes.exits:
        run.exits_left -= changes.exits
        WorkflowExecution.objects.filter(id=run.id).update(exits_left=run.exits_left)
    return ready


def finish(run: WorkflowExecution, definition: WorkflowDefinition) -> None:
    """Ends the run where nothing is left to do."""
    if run.failing:
        running = StepExecution.objects.filter(execution_id=run.id, status=StepStatus.RUNNING)
        if not running.exists():
            end(run, Status.FAILED, history.EXECUTION_FAILED)
    elif run.status == Status.RUNNING and run.exits_left == 0:
        try:
            results = _results(run, definition)
        except KeyUnavailable:
            raise  # no failure of the run's: whoever settles its last step tries again
        except PlatformError as error:
            begin_failing(run, error, "outputs")
            end(run, Status.FAILED, history.EXECUTION_FAILED)
        else:
            sealed = seal(WorkflowExecution, run.id, "results", results)
            end(run, Status.COMPLETED, history.EXECUTION_COMPLETED, results=sealed)


def sealed_text(
    model: type[WorkflowExecution | StepExecution], pk: UUID, error: PlatformError, text: str
) -> Sealed | None:
    """An error's text for its column. None where it is about the very key that would seal it: then
    the error's code says it all.
    """
    try:
        return seal(model, pk, "error_message", shortened(text, _MAX_TEXT))
    except KeyUnavailable:
        if not isinstance(error, KeyUnavailable):
            raise
        return None


def begin_failing(run: WorkflowExecution, error: PlatformError, where: str) -> None:
    """The first failure: nothing new starts, what has not started is cancelled."""
    if run.failing:
        return
    run.failing = True
    WorkflowExecution.objects.filter(id=run.id).update(
        failing=True,
        error_code=error.code,
        error_message=sealed_text(WorkflowExecution, run.id, error, f"{where}: {error.message}"),
    )
    history.record(history.EXECUTION_FAILING, execution_id=run.id, code=error.code, at=where)
    statements.cancel_steps(run.id, _OPEN_STEPS)


def end(run: WorkflowExecution, status: ExecutionStatus, kind: str, **columns: object) -> None:
    """Writes a final status and tells the receivers after the commit."""
    run.status = status
    WorkflowExecution.objects.filter(id=run.id).update(status=status, completed_at=Now(), **columns)
    history.record(kind, execution_id=run.id)
    execution_id = run.id
    transaction.on_commit(lambda: tell_finished(execution_id), robust=True)


def tell_finished(execution_id: UUID) -> None:
    """Tells the receivers that a run has ended; call it after the commit."""
    execution_finished.send_robust(sender=WorkflowExecution, execution_id=execution_id)


def _results(run: WorkflowExecution, definition: WorkflowDefinition) -> JsonObject:
    if definition.outputs is None:
        outputs = contexts.read_outputs(run.id, definition, definition.exit_points)
        return {
            n: outputs[n].get("output") for n in definition.exit_points if "output" in outputs[n]
        }
    variables = contexts.variables(run, definition, definition.output_reads)
    return {name: rules.evaluate(source, variables) for name, source in definition.outputs.items()}


def load_definition(run: WorkflowExecution) -> WorkflowDefinition:
    """The definition that the run started with."""
    return definitions.load(run.definition_version_id)
