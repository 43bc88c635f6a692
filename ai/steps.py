"""Trying an AI step by itself, with a context that somebody gives, outside of any run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ai.calls import Lookup
from ai.client import Caller
from ai.executors import AIGeneratedExecutor
from core.errors import InvalidInput, Problem
from core.json import JsonObject
from core.models import Organisation, User
from engine import definitions, validation
from engine.context import WorkflowContext
from engine.definition import WorkflowStep
from engine.errors import InvalidContext, UnknownStep
from engine.models import Workflow
from engine.registry import executors

AGENT_TYPE = "step_try"
_VARIABLES = {"inputs", "steps", "run"}


class NotAnAIStep(InvalidInput):
    """Only AI steps can be tried alone."""

    code = "not_an_ai_step"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """What a run would have made of the step.

    Attributes:
        output: the step's output.
        problems: what its validation rules say of that; a run would fail.
        calls: of models; tokens, cost_usd: of all of them, None where not known.
        lookups: the tools that the model asked for.
        time_ms: from the first call to the last answer.
    """

    step_id: str
    output: JsonObject
    problems: list[Problem]
    calls: int
    tokens: int | None
    cost_usd: Decimal | None
    lookups: Sequence[Lookup]
    time_ms: int


def saved_step(workflow: Workflow, step_id: str) -> WorkflowStep:
    """A step of the workflow's newest version. Raises UnknownStep."""
    definition = definitions.read(workflow.definition)
    if step_id not in definition.index:
        message = f"The workflow has no step '{step_id[:80]}'."
        raise UnknownStep(message, problems=[Problem("step_id", message)])
    return definition.step(step_id)


def try_step(
    step: WorkflowStep,
    *,
    data: JsonObject,
    user: User,
    organisation: Organisation,
    workflow: Workflow | None = None,
) -> Tried:
    """Asks the model as a run would, with budgets, limits and a row for every call.

    Args:
        data: what the step's expressions read: `inputs`, `steps` (`{id: {"output": ..}}`), `run`.
        organisation: who pays.

    Raises:
        NotAnAIStep: of another type.
        InvalidContext: the step reads what `data` does not have.
        AIError: the last row says why.
    """
    executor = executors()[step.step_type]
    if not isinstance(executor, AIGeneratedExecutor):
        raise NotAnAIStep(f"Step '{step.id}' is of type {step.step_type}: {NotAnAIStep()}")
    context = _context(step, data, user, workflow)
    step = replace(step, config=executor.resolve(step, context))
    if not executor.validate(step, context):
        raise InvalidContext("The configuration, as filled in, does not fit the step type.")
    caller = Caller(
        agent_type=AGENT_TYPE,
        user_id=user.pk,
        organisation_id=organisation.pk,
        workflow_id=workflow.id if workflow else None,
    )
    started = time.monotonic()
    answer = executor.ask(step, caller=caller)
    elapsed = time.monotonic() - started
    output = executor.output(step, answer)
    checks = step.validation_rules or {}
    problems = validation.check_value(
        output,
        schema=checks.get("schema"),
        rules=checks.get("rules", ()),
        variables=context.data,
        name="output",
    )
    return Tried(
        step_id=step.id,
        output=output,
        problems=list(problems),
        calls=answer.calls,
        tokens=answer.tokens,
        cost_usd=answer.cost_usd,
        lookups=answer.lookups,
        time_ms=round(elapsed * 1000),
    )


def _context(
    step: WorkflowStep, data: JsonObject, user: User, workflow: Workflow | None
) -> WorkflowContext:
    problems = [
        Problem(f"context.data.{key[:80]}", f"unknown key; known: {', '.join(sorted(_VARIABLES))}")
        for key in data.keys() - _VARIABLES
    ]
    problems += [
        Problem(f"context.data.{key}", "is an object")
        for key in sorted(data.keys() & _VARIABLES)
        if not isinstance(data[key], dict)
    ]
    if problems:
        raise InvalidContext(problems=problems)
    given: dict[str, Any] = data.get("steps", {})
    problems = [
        Problem(f"context.data.steps.{each}", 'the step reads it: give {"output": {..}}')
        for each in sorted(step.reads)
        if not isinstance(given.get(each), dict)
        or not isinstance(given[each].get("output", {}), dict)
    ]
    if problems:
        raise InvalidContext(problems=problems)
    now = datetime.now(UTC)
    run = {
        "id": "",
        "workflow_id": str(workflow.id) if workflow else "",
        "user_id": str(user.pk),
        "started_at": now.isoformat(),
        **data.get("run", {}),
    }
    steps = {name: {"status": "completed", **given[name]} for name in step.reads}
    return WorkflowContext(
        user_id=str(user.pk),
        session_id="",
        data={"inputs": data.get("inputs", {}), "steps": steps, "run": run},
        created_at=now,
        updated_at=now,
    )
