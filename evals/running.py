"""Runs drafts with the engine itself, in this process. Nothing leaves it: what steps call out for
is answered by their own `simulate`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.test import override_settings

from core.errors import PlatformError
from core.models import User
from engine import registry
from engine.context import WorkflowContext
from engine.definition import WorkflowStep
from engine.models import (
    ExecutionStatus,
    StepExecution,
    StepStatus,
    Workflow,
    WorkflowExecution,
)
from engine.runner import run_steps
from engine.samples import sample
from engine.services import WorkflowEngine
from engine.step import WorkflowStepExecutor

_ROUNDS = 200


@contextmanager
def nothing_leaves() -> Iterator[None]:
    """Within, steps that call other systems give their samples."""
    http = registry.executors()["HTTP"]
    collection = registry.executors()["DATA_COLLECTION"]
    usual = type(collection).execute

    def collect(self: WorkflowStepExecutor, step: WorkflowStep, context: WorkflowContext) -> Any:
        act = self.simulate if step.config["source"] == "url" else usual.__get__(self)
        return act(step, context)

    with (
        patch.object(type(http), "execute", type(http).simulate),
        patch.object(type(collection), "execute", collect),
    ):
        yield


def fault(workflow: Workflow, user: User, *, last: bool) -> str | None:
    """Why a run does not come to its end, or None where it does.

    Persons answer with the first choice, or the last. A run that its own checks stop, because the
    sample does not hold them, is at its end.
    """
    engine = WorkflowEngine()
    schema = workflow.definition.get("inputs") or {"type": "object"}
    try:
        context = engine.context_manager.create_context(str(user.pk), "evals", sample(schema))
        run = engine.execute_workflow(workflow, context)
        for _ in range(_ROUNDS):
            _work(run)
            run.refresh_from_db()
            if run.status != ExecutionStatus.RUNNING:
                break
            waiting = StepExecution.objects.filter(execution=run, status=StepStatus.WAITING)
            for step in list(waiting):
                form = step.waiting_data["form"]
                engine.answer_step(run.id, step.step_id, sample(form, last=last), user=user)
    except PlatformError as error:
        return f"{error.code}: {error.message} {list(error.problems)[:2]}"
    if run.status == ExecutionStatus.COMPLETED:
        return None
    failed = StepExecution.objects.filter(execution=run, status=StepStatus.FAILED).first()
    if failed is None:
        return f"the run is {run.status}"
    if failed.step_type == "VALIDATION":
        return None
    return f"step '{failed.step_id}': {failed.error_message}"


def _work(run: WorkflowExecution) -> None:
    """Does what workers would do, until nothing is ready."""
    ready = StepExecution.objects.filter(execution=run, status=StepStatus.READY)
    # The lease keeper's thread would open a connection and never close it.
    with override_settings(ENGINE_LEASE_SECONDS=86_400):
        while positions := list(ready.order_by("position").values_list("position", flat=True)):
            run_steps(run.id, positions, None, trace={})
