"""One message's steps: claim, context, execute, settle, send. Never raises for a step."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from core import tracebacks, tracing
from core.errors import InvalidInput, KeyUnavailable, PlatformError
from core.keys.ring import data_keys
from engine import (
    canvas,
    contexts,
    failpoints,
    leases,
    metrics,
    registry,
    retry,
    rules,
    selectors,
    spans,
    stopping,
    time_limits,
    validation,
)
from engine.canvas import Send
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowDefinition
from engine.errors import DatabaseUnavailable, OutputTooLarge, StepFailed, StepRefused
from engine.step import StepResult, as_result
from engine.transitions import checkpoint, steps
from engine.transitions.checkpoint import OUTPUT
from engine.transitions.flow import Advance
from engine.transitions.steps import Claim

logger = logging.getLogger(__name__)

Settled = TypeVar("Settled")

MAX_OUTPUT_BYTES = 16 * 1024 * 1024
_MESSAGE_SECONDS = 2.0  # after which cheap steps that are left go into a message of their own
_FLUSH_SECONDS = 0.05  # how long steps that became ready may wait for others to share a message
_DATABASE_DELAY = 1.0  # seconds until a step whose inputs could not be read is tried again
_RECONNECT = (0.1, 0.5, 2.0)  # seconds between tries over a broken connection


def run_steps(
    execution_id: UUID,
    positions: list[int],
    then: int | None,
    *,
    trace: JsonObject,
    send: Send = canvas.send,
) -> bool:
    """Runs these steps one after the other and sends what became ready.

    Args:
        then: the step that this message's canvas brings next by itself, so that it is not sent
            here.
        trace: ids of the message, for the history.
        send: where what became ready goes.

    Returns:
        Whether `then` has become ready.
    """
    time_limits.prepare()
    brings = False
    started = flushed = time.monotonic()
    outbox: list[int] = []
    outputs: dict[str, JsonObject] = {}
    definition: WorkflowDefinition | None = None
    claim: Claim | None = None
    run = partial(spans.traced, _run) if tracing.on() else _run
    for n, position in enumerate(positions):
        now = time.monotonic()
        if outbox and definition and now - flushed > _FLUSH_SECONDS:
            send(execution_id, definition, outbox)
            outbox, flushed = [], now
        if claim is None and n and now - started > _MESSAGE_SECONDS:
            outbox += selectors.ready_positions(execution_id, positions[n:])
            break
        if claim is None:
            claim = _claim(execution_id, position, trace)
        if claim is None:
            continue
        definition = claim.definition
        rest = positions[n + 1 :]
        following = rest[0] if rest and now - started <= _MESSAGE_SECONDS else None
        advance, claim = run(claim, outputs, following=following)
        ready = advance.ready if advance else ()
        brings |= then in ready
        covered = {then, *rest}
        outbox += [p for p in ready if p not in covered]
    if outbox and definition:
        send(execution_id, definition, outbox)
    return brings


def _claim(execution_id: UUID, position: int, trace: JsonObject) -> Claim | None:
    take = checkpoint.claim if settings.ENGINE_FAST_PATH else steps.claim

    def claim() -> Claim | None:
        failpoints.reach("before_claim")
        claimed = take(execution_id, position, owner=leases.owner(), trace=trace)
        failpoints.reach("after_claim")
        return claimed

    return _reconnecting(claim)


def _run(
    claim: Claim, outputs: dict[str, JsonObject], *, following: int | None
) -> tuple[Advance | None, Claim | None]:
    """Executes a claimed step and settles it.

    Args:
        outputs: of the steps that this message has run, to which this step's is added.
        following: the position to claim in the same transaction.
    """
    step = claim.step
    started = time.monotonic()
    received: JsonObject | None = None
    with leases.keeper.hold(claim.id, claim.attempt):
        try:
            context = _context(claim, outputs)
            if step.when is not None and not rules.holds(step.when, context.data):
                return _ended(claim, "skipped", lambda: steps.skip(claim)), None
            executor = registry.executors()[step.step_type]
            step = replace(step, config=executor.resolve(step, context))
            received = {"config": step.config}
            with time_limits.TimeLimit(step.timeout):
                if not executor.validate(step, context):
                    raise StepRefused("The configuration does not fit the step type.")
                result = as_result(executor.execute(step, context))
            output = _checked(claim, result, context)
        except PlatformError as error:
            return _failed(claim, error, received=received, started=started), None
        except BaseException as error:
            if stopping.ends_process(error):
                raise
            logger.error(  # noqa: TRY400 - the message may hold payloads
                "run %s: step %r raised %s", claim.execution_id, step.id, tracebacks.places(error)
            )
            failure = StepFailed(f"{type(error).__name__}: {error}")
            return _failed(claim, failure, received=received, started=started), None
        failpoints.reach("after_effect")
        elapsed = time.monotonic() - started
        metrics.duration_of(step.step_type).observe(elapsed)
        payload, elapsed_ms = received, round(elapsed * 1000)
        if (waiting_for := result.waiting_for) is not None:
            return _ended(
                claim,
                "waiting",
                lambda: steps.wait(claim, waiting_for, received=payload, elapsed_ms=elapsed_ms),
            ), None
        settled = _settled(
            claim,
            "completed",
            lambda: _complete(
                claim,
                result,
                output=output,
                received=None if step.input_derived else payload,
                elapsed_ms=elapsed_ms,
                following=following,
            ),
        )
    if settled is None:
        return None, None
    outputs[step.id] = {"status": "completed", "output": result.output}
    return settled


def _context(claim: Claim, outputs: dict[str, JsonObject]) -> WorkflowContext:
    data_keys.active_kid()  # no effect outside, without a key to store its outcome under
    try:
        return _reconnecting(
            lambda: contexts.step_context(claim, claim.run, claim.definition, known=outputs)
        )
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable() from error


def _complete(
    claim: Claim,
    result: StepResult,
    *,
    output: bytes,
    received: JsonObject | None,
    elapsed_ms: int,
    following: int | None,
) -> tuple[Advance, Claim | None] | None:
    if settings.ENGINE_FAST_PATH:
        settled = checkpoint.complete(
            claim,
            result,
            output=output,
            received=received,
            elapsed_ms=elapsed_ms,
            following=following,
        )
        if settled is not None:
            return settled
    return steps.complete(
        claim, result, received=received, elapsed_ms=elapsed_ms, following=following
    )


def _failed(
    claim: Claim, error: PlatformError, *, received: JsonObject | None, started: float
) -> Advance | None:
    if isinstance(error, KeyUnavailable | DatabaseUnavailable) and not error.permanent:
        away = isinstance(error, KeyUnavailable)
        wait = settings.ENGINE_KEY_SECONDS if away else _DATABASE_DELAY
        return _ended(
            claim,
            error.code,
            lambda: steps.retry_later(claim, error, delay_seconds=wait, received=None),
            error,
        )
    try:
        failures = _reconnecting(lambda: selectors.failures(claim.id)) + 1
    except (OperationalError, InterfaceError):
        logger.exception("run %s: step %r not settled", claim.execution_id, claim.step.id)
        return None
    decision = retry.decide(
        error=error,
        failures=failures,
        policy=claim.step.retry,
        random=random.random(),  # noqa: S311 # nosec B311 # jitter
    )
    if decision.retry:
        delay = decision.delay_seconds
        return _ended(
            claim,
            "retried",
            lambda: steps.retry_later(claim, error, delay_seconds=delay, received=received),
            error,
        )
    elapsed_ms = round((time.monotonic() - started) * 1000)
    return _ended(
        claim,
        "failed",
        lambda: steps.fail(claim, error, received=received, elapsed_ms=elapsed_ms),
        error,
    )


def _ended(
    claim: Claim,
    outcome: str,
    settle: Callable[[], Advance | None],
    error: PlatformError | None = None,
) -> Advance | None:
    """Settles an attempt that did not complete its step."""
    advance = _settled(claim, outcome, settle)
    if advance is not None:
        spans.tell(outcome, error)
    return advance


def _settled(claim: Claim, outcome: str, settle: Callable[[], Settled | None]) -> Settled | None:
    """Settles, also over a connection that broke: the claim makes a second try harmless."""

    def settling() -> Settled | None:
        settled = settle()
        failpoints.reach("after_commit")
        return settled

    try:
        settled = _reconnecting(settling)
    except (OperationalError, InterfaceError):
        logger.exception("run %s: step %r not settled", claim.execution_id, claim.step.id)
        return None
    except KeyUnavailable as error:
        # It ran, but what came of it cannot be stored: it will run again.
        delay = settings.ENGINE_KEY_SECONDS
        later = partial(steps.retry_later, claim, error, delay_seconds=delay, received=None)
        _ended(claim, error.code, later, error)
        return None
    if settled is not None:
        metrics.settled(claim.step.step_type, outcome).inc()
    return settled


def _reconnecting(act: Callable[[], Settled]) -> Settled:
    """Acts, and again over a new connection where the old one broke."""
    for delay in _RECONNECT:
        try:
            return act()
        except (OperationalError, InterfaceError):
            connection.close()
            time.sleep(delay)
    return act()


def _checked(claim: Claim, result: StepResult, context: WorkflowContext) -> bytes:
    """The output as it will be stored, before it is encrypted."""
    if not isinstance(result.output, dict):
        raise StepRefused("The output is not an object.")
    try:
        output = OUTPUT.encode(result.output)
    except InvalidInput as error:
        raise StepRefused(f"The output is not JSON: {error.problems[0].message}") from None
    if len(output) > MAX_OUTPUT_BYTES:
        raise OutputTooLarge(
            f"The output has {len(output):,} bytes; at most {MAX_OUTPUT_BYTES:,} are stored."
        )
    if claim.step.validation_rules is not None and result.waiting_for is None:
        check_rules(claim.step.validation_rules, result.output, context)
    return output


def check_rules(validation_rules: JsonObject, output: JsonObject, context: WorkflowContext) -> None:
    """Refuses an output that breaks its step's validation rules."""
    problems = validation.check_value(
        output,
        schema=validation_rules.get("schema"),
        rules=validation_rules.get("rules", ()),
        variables=context.data,
        name="output",
    )
    if problems:
        raise StepRefused("The output breaks the step's validation rules.", problems=problems)
