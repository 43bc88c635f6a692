"""Definitions and runs for the tests, and the functions that their steps call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from model_bakery import baker

from core.models import User
from engine.inline import InlineBroker
from engine.models import Workflow, WorkflowExecution
from engine.services import WorkflowEngine
from engine.workflows import create_workflow


def step(step_id: str, *after: str, **fields: Any) -> dict[str, Any]:
    """A step that calls `tests.echo`, unless `fields` say otherwise."""
    return {
        "id": step_id,
        "name": step_id.replace("_", " ").title(),
        "step_type": "FUNCTION",
        "config": {"function": "tests.echo", "arguments": {"value": step_id}},
        "dependencies": list(after),
        **fields,
    }


def calls(function: str, **arguments: Any) -> dict[str, Any]:
    """The config of a step that calls this function."""
    return {"config": {"function": function, "arguments": arguments}}


def definition(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A definition of these steps."""
    return {
        "name": "Test",
        "description": "",
        "version": "1.0",
        "category": "tests",
        "steps": list(steps),
        **fields,
    }


def start(
    document: dict[str, Any] | Workflow, *, user: User, data: dict[str, Any] | None = None
) -> WorkflowExecution:
    """Saves the definition and starts a run of it."""
    engine = WorkflowEngine()
    workflow = (
        document
        if isinstance(document, Workflow)
        else create_workflow(document=document, owner=user)
    )
    context = engine.context_manager.create_context(str(user.id), "tests", data)
    return engine.execute_workflow(workflow, context)


def run_inline(
    document: dict[str, Any], *, user: User, data: dict[str, Any] | None = None
) -> WorkflowExecution:
    """Runs the definition in this process as far as it goes, without a broker."""
    broker = InlineBroker()
    engine = WorkflowEngine(broker.send)
    workflow = create_workflow(document=document, owner=user)
    context = engine.context_manager.create_context(str(user.id), "tests", data)
    run = engine.execute_workflow(workflow, context)
    broker.run()
    run.refresh_from_db()
    return run


def statuses(execution_id: UUID) -> dict[str, str]:
    """Step id -> status of a run."""
    run = WorkflowExecution.objects.get(id=execution_id)
    return dict(run.steps.values_list("step_id", "status"))


@pytest.fixture
def user(db: None) -> User:
    made: User = baker.make(User, username="owner", is_active=True)
    return made
