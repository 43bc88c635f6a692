"""The platform: a shape as a definition, its runs started by the engine's facade."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.db import connection

from benchmarks import sides
from benchmarks.shapes import Shape
from benchmarks.work import PAYLOAD
from core.models import User
from engine.models import ExecutionStatus, Workflow, WorkflowExecution
from engine.services import WorkflowEngine
from engine.workflows import create_workflow

_OPEN = "SELECT count(*) FROM workflow_executions WHERE status IN ('pending', 'running', 'paused')"


class Platform:
    """Definitions of FUNCTION steps, started through `execute_workflow`."""

    name = "platform"

    def __init__(self) -> None:
        self.user, _ = User.objects.get_or_create(username="bench", defaults={"is_active": True})
        self.engine = WorkflowEngine()
        self.saved: dict[Shape, Workflow] = {}

    def workflow(self, shape: Shape) -> Workflow:
        """The saved workflow of a shape."""
        if shape not in self.saved:
            self.saved[shape] = create_workflow(document=document(shape), owner=self.user)
        return self.saved[shape]

    def start(self, workflow: Workflow) -> UUID:
        """One run more; its id."""
        context = self.engine.context_manager.create_context(
            str(self.user.id), "bench", {"data": PAYLOAD}
        )
        return self.engine.execute_workflow(workflow, context).id

    def seconds(self, shape: Shape, *, runs: int, poll: float) -> float:
        """Starts the runs one after the other; done when none is open any more."""
        return self.timed(self.workflow(shape), runs=runs, poll=poll)

    def timed(self, workflow: Workflow, *, runs: int, poll: float) -> float:
        """The same for a saved workflow. Raises Stuck where a run failed."""
        started = time.monotonic()
        ids = [self.start(workflow) for _ in range(runs)]
        sides.wait_for(open_runs, poll=poll, what=f"platform, {workflow.name}")
        took = time.monotonic() - started
        done = WorkflowExecution.objects.filter(id__in=ids, status=ExecutionStatus.COMPLETED)
        if failed := runs - done.count():
            raise sides.Stuck(f"platform, {workflow.name}: {failed} of {runs} runs failed")
        return took


def open_runs() -> int:
    """How many runs have not ended."""
    with connection.cursor() as cursor:
        cursor.execute(_OPEN)
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def document(shape: Shape) -> dict[str, Any]:
    """The shape as a definition."""
    if shape.kind == "chain":
        steps = [step("s0", shape, "${inputs.data}")]
        steps += [
            step(f"s{n}", shape, f"${{steps.s{n - 1}.output.result}}", f"s{n - 1}")
            for n in range(1, shape.size)
        ]
    else:
        names = [f"b{n}" for n in range(shape.size)]
        steps = [call("first", "bench.cheap", {"data": "${inputs.data}"})]
        steps += [step(name, shape, "${steps.first.output.result}", "first") for name in names]
        if shape.gathers:
            parts = [f"${{steps.{name}.output.result}}" for name in names]
            steps.append(call("join", "bench.gather", {"parts": parts}, *names))
        else:
            steps.append(call("join", "bench.cheap", {"data": "${inputs.data}"}, *names))
    return definition(f"{shape.kind} of {shape.size}", steps)


def step(step_id: str, shape: Shape, data: str, *after: str) -> dict[str, Any]:
    """One of a shape's equal steps."""
    if shape.seconds:
        return call(step_id, "bench.wait", {"seconds": shape.seconds, "data": data}, *after)
    return call(step_id, "bench.cheap", {"data": data}, *after)


def call(step_id: str, function: str, arguments: dict[str, Any], *after: str) -> dict[str, Any]:
    """A step that calls a function."""
    return {
        "id": step_id,
        "name": step_id,
        "step_type": "FUNCTION",
        "config": {"function": function, "arguments": arguments},
        "dependencies": list(after),
    }


def definition(name: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
    """A definition of these steps."""
    return {
        "name": name,
        "description": "A load of the benchmarks.",
        "version": "1",
        "category": "benchmarks",
        "steps": steps,
    }
