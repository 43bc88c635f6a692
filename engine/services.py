"""The one facade through which views, admin, commands and schedules change runs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from core.errors import InvalidInput, NotFound
from core.ids import uuid7
from core.models import User
from engine import canvas, contexts, definitions, metrics, registry, runner, selectors, validation
from engine.canvas import Send
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowDefinition
from engine.errors import (
    IdempotencyKeyReused,
    InvalidContext,
    NotWaiting,
    QuestionChanged,
    StepRefused,
)
from engine.models import Workflow, WorkflowExecution
from engine.transitions import answers, flow, runs, steps


class WorkflowContextManager:
    """Makes and finds contexts. A context is a value: an update gives a new one."""

    def create_context(
        self, user_id: str, session_id: str, data: JsonObject | None = None
    ) -> WorkflowContext:
        """A context for a new run."""
        now = datetime.now(UTC)
        return WorkflowContext(
            user_id=user_id, session_id=session_id, data=data or {}, created_at=now, updated_at=now
        )

    def update_context(self, context: WorkflowContext, updates: JsonObject) -> WorkflowContext:
        """The context with `updates` laid over its data. A run that has started keeps its own."""
        return replace(context, data={**context.data, **updates}, updated_at=datetime.now(UTC))

    def get_context(self, context_id: str) -> WorkflowContext | None:
        """What the run of this id was started with; None where there is no such run."""
        try:
            return contexts.start_context(WorkflowExecution.objects.get(id=UUID(context_id)))
        except (ValueError, WorkflowExecution.DoesNotExist):
            return None


class WorkflowStateManager:
    """Takes runs from state to state and sends what became ready, after the commit."""

    def __init__(self, deliver: Send = canvas.send) -> None:
        self.deliver = deliver

    def start(self, run: WorkflowExecution, definition: WorkflowDefinition) -> None:
        """Writes the new run and sends its first segments."""
        self.send(run.id, definition, runs.start(run, definition))
        metrics.executions_started.inc()

    def pause(self, execution_id: UUID) -> bool:
        """Whether the run was running and is paused now."""
        return runs.pause(execution_id)

    def resume(self, execution_id: UUID) -> bool:
        """Whether the run was paused and is running now."""
        return self._sent(execution_id, runs.resume(execution_id))

    def cancel(self, execution_id: UUID) -> bool:
        """Whether the run was open and is cancelled now."""
        return runs.cancel(execution_id)

    def retry(self, execution_id: UUID) -> bool:
        """Whether the run had failed and is running now."""
        return self._sent(execution_id, runs.retry(execution_id))

    def _sent(self, execution_id: UUID, advance: flow.Advance | None) -> bool:
        if advance is None:
            return False
        self.send(execution_id, definitions.of_run(execution_id), advance)
        return True

    def send(
        self, execution_id: UUID, definition: WorkflowDefinition, advance: flow.Advance
    ) -> None:
        """Sends what became ready, after the commit."""
        if advance.ready:
            # A function with a name of its own: Django's log of one that raised asks for it.
            def deliver() -> None:
                self.deliver(execution_id, definition, advance.ready)

            transaction.on_commit(deliver, robust=True)


class WorkflowEngine:
    """Starts runs and steers them: the documented engine."""

    def __init__(self, deliver: Send = canvas.send) -> None:
        """`deliver`: brings ready steps to workers; another one for runs in this process."""
        self.step_executors = registry.executors()
        self.context_manager = WorkflowContextManager()
        self.state_manager = WorkflowStateManager(deliver)

    def execute_workflow(
        self,
        workflow: Workflow,
        context: WorkflowContext,
        *,
        idempotency_key: str | None = None,
    ) -> WorkflowExecution:
        """Starts a run of the workflow's newest version; it goes on in the workers.

        Args:
            context: who starts it and the run's inputs as `data`.
            idempotency_key: the same key of the same user for this workflow gives the same run.

        Raises:
            InvalidContext: the data does not fit the definition's `inputs`.
            IdempotencyKeyReused: the key belongs to another request.
        """
        request_hash = ""
        if idempotency_key is not None:
            request_hash = _hash([str(workflow.id), context.data, context.session_id])
            earlier = _earlier(context.user_id, workflow, idempotency_key, request_hash)
            if earlier is not None:
                return earlier
        version_id = selectors.newest_version_id(workflow)
        definition = definitions.load(version_id)
        check_inputs(definition, context.data)
        run = WorkflowExecution(
            id=uuid7(),
            workflow=workflow,
            user_id=UUID(context.user_id),
            session_id=context.session_id,
            context=serialize(context),
            definition_version_id=version_id,
            idempotency_key=idempotency_key,
            request_hash=request_hash,
        )
        if idempotency_key is None:
            self.state_manager.start(run, definition)
            return run
        try:
            with transaction.atomic():
                self.state_manager.start(run, definition)
        except IntegrityError:
            # Two requests with one key raced: the other one started the run.
            earlier = _earlier(context.user_id, workflow, idempotency_key, request_hash)
            if earlier is None:
                raise
            return earlier
        return run

    def pause_workflow(self, execution_id: str | UUID) -> bool:
        """Pauses a running run: steps that run finish, no other starts."""
        return self.state_manager.pause(_uuid(execution_id))

    def resume_workflow(self, execution_id: str | UUID) -> bool:
        """Lets a paused run go on."""
        return self.state_manager.resume(_uuid(execution_id))

    def cancel_workflow(self, execution_id: str | UUID) -> bool:
        """Ends an open run at once."""
        return self.state_manager.cancel(_uuid(execution_id))

    def retry_workflow(self, execution_id: str | UUID) -> bool:
        """Lets a failed run go on: its failed steps again, then what was cancelled because of
        them.
        """
        return self.state_manager.retry(_uuid(execution_id))

    def answer_step(
        self,
        execution_id: str | UUID,
        step_id: str,
        answer: Any,
        *,
        user: User,
        attempt: int | None = None,
    ) -> JsonObject:
        """Gives a waiting step its answer; the run goes on, perhaps with this step once more.

        Args:
            attempt: the step's attempt whose question is answered; None: what it asks now.

        Returns:
            What the audit log says of the answer beside whose it is; no payload.

        Raises:
            NotWaiting: the step does not wait, or somebody else has just answered it.
            QuestionChanged: it was sent back since, and waits with another question.
            InvalidInput: the answer does not fit; the step goes on waiting.
        """
        row = selectors.step(_uuid(execution_id), step_id)
        definition = definitions.of_run(row.execution_id)
        step = definition.step(step_id)
        if row.status != "waiting" or row.waiting_for == "budget":
            raise NotWaiting(f"Step '{step_id}' is {row.status} and does not wait for an answer.")
        if attempt is not None and attempt != row.attempt:
            raise QuestionChanged(
                f"Step '{step_id}' asks in its attempt {row.attempt} by now, not in {attempt}."
            )
        context = contexts.step_context(row, row.execution, definition)
        executor = registry.executors()[step.step_type]
        filled = replace(step, config=executor.resolve(step, context))
        try:
            result = executor.answer(filled, context, answer)
            if step.validation_rules is not None and result.sent_back is None:
                runner.check_rules(step.validation_rules, result.output, context)
        except StepRefused as error:  # whoever answers can do better; the platform did not fail
            raise InvalidInput(error.message, problems=error.problems) from None
        if result.sent_back is not None:
            advance = answers.send_back(row, result.sent_back, by=user.id)
        else:
            advance = steps.answer(row, result, definition, by=user.id)
        if advance is None:
            raise NotWaiting(f"Step '{step_id}' has just been answered.")
        self.state_manager.send(row.execution_id, definition, advance)
        return result.told


def check_inputs(definition: WorkflowDefinition, data: JsonObject) -> None:
    """Refuses data that the workflow cannot be started with. Raises InvalidContext."""
    if problems := validation.check_value(data, schema=definition.inputs):
        raise InvalidContext(problems=problems)


def serialize(context: WorkflowContext) -> JsonObject:
    """The context as the JSON that a run keeps."""
    return {
        "user_id": context.user_id,
        "session_id": context.session_id,
        "data": context.data,
        "metadata": context.metadata,
        "created_at": context.created_at.isoformat(),
        "updated_at": context.updated_at.isoformat(),
    }


def _earlier(
    user_id: str, workflow: Workflow, key: str, request_hash: str
) -> WorkflowExecution | None:
    run = WorkflowExecution.objects.filter(
        user_id=user_id, workflow=workflow, idempotency_key=key
    ).first()
    if run is not None and run.request_hash != request_hash:
        raise IdempotencyKeyReused()
    return run


def _hash(value: Any) -> str:
    # Keyed: a plain hash of a small context could be guessed by trying.
    text = json.dumps(value, sort_keys=True)
    return salted_hmac("engine.idempotency", text, algorithm="sha256").hexdigest()


def _uuid(value: str | UUID) -> UUID:
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except ValueError:
        raise NotFound("There is no such run.") from None
