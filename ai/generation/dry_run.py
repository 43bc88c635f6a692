"""A definition run in memory with every executor's `simulate`: nothing outside happens. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from core.errors import PlatformError, Problem
from core.json import JsonObject
from engine import propagation, rules, validation
from engine.context import WorkflowContext, step_data
from engine.definition import WorkflowDefinition, WorkflowStep
from engine.propagation import Settled
from engine.samples import sample
from engine.step import StepResult, WorkflowStepExecutor

Status = Literal["completed", "failed", "skipped"]
_RUN: JsonObject = {"id": "dry-run", "workflow_id": "", "user_id": "", "started_at": None}
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRun:
    """How it went.

    Attributes:
        statuses: by step id.
        asked: ids of the steps at which a person was asked.
        problems: what a run would fail at, with the step's path.
    """

    statuses: Mapping[str, Status]
    asked: tuple[str, ...]
    problems: tuple[Problem, ...]


def dry_run(
    definition: WorkflowDefinition,
    *,
    executors: Mapping[str, WorkflowStepExecutor],
    inputs: JsonObject | None = None,
    last: bool = False,
) -> DryRun:
    """Runs every step whose branch opens, each once.

    Args:
        inputs: what the run starts with; a sample of the definition's own schema where None.
        last: persons take the last choice instead of the first.
    """
    given = inputs if inputs is not None else sample(definition.inputs or {"type": "object"})
    return _Run(definition, executors, given or {}, last).run()


class _Run:
    """One dry run."""

    def __init__(
        self,
        definition: WorkflowDefinition,
        executors: Mapping[str, WorkflowStepExecutor],
        inputs: JsonObject,
        last: bool,
    ) -> None:
        self.definition = definition
        self.executors = executors
        self.inputs = inputs
        self.last = last
        self.outputs: dict[str, JsonObject] = {}
        self.statuses: dict[str, Status] = {}
        self.asked: list[str] = []
        self.problems: list[Problem] = []

    def run(self) -> DryRun:
        graph = self.definition.graph
        counts = dict.fromkeys(range(len(self.definition.steps)), (0, 0))
        ready = list(graph.roots)
        while ready:
            step = self.definition.steps[ready.pop(0)]
            changes = propagation.propagate(graph, self.settle(step), counts)
            counts |= changes.counts
            ready += changes.ready
            for position in changes.skipped:
                self.note(self.definition.steps[position], "skipped", {})
        return DryRun(
            statuses=self.statuses, asked=tuple(self.asked), problems=tuple(self.problems)
        )

    def note(self, step: WorkflowStep, status: Status, output: JsonObject) -> None:
        self.statuses[step.id] = status
        self.outputs[step.id] = {"status": status, "output": output}

    def settle(self, step: WorkflowStep) -> Settled:
        """Simulates one step; what follows from it."""
        known = {
            step_id: self.outputs[step_id] for step_id in step.reads if step_id in self.outputs
        }
        context = WorkflowContext(
            user_id="",
            session_id="",
            data=step_data(inputs=self.inputs, outputs=known, run=_RUN),
            created_at=_BEGIN,
            updated_at=_BEGIN,
        )
        try:
            if step.when is not None and not rules.holds(step.when, context.data):
                self.note(step, "skipped", {})
                return Settled(position=step.position, open=frozenset())
            result = self.simulated(step, context)
        except PlatformError as error:
            if error.code == "validation_failed":
                # The sample does not hold the workflow's rules: that is no fault of the workflow.
                self.note(step, "completed", {"valid": False, "problems": []})
                return Settled(position=step.position)
            self.note(step, "failed", {})
            if step.on_error == "fail":
                told = error.problems or [Problem("", error.message)]
                path = f"steps[{step.position}]"
                self.problems += [
                    Problem(
                        path, f"step '{step.id}' fails in a dry run: {p.path} {p.message}".strip()
                    )
                    for p in told
                ]
                return Settled(position=step.position, open=frozenset())
            return Settled(position=step.position)
        self.note(step, "completed", result.output)
        if not result.closed:
            return Settled(position=step.position)
        graph = self.definition.graph
        on = [
            n
            for n in graph.dependents[step.position]
            if self.definition.steps[n].id not in result.closed
        ]
        return Settled(position=step.position, open=frozenset(on))

    def simulated(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        executor = self.executors[step.step_type]
        filled = replace(step, config=executor.resolve(step, context))
        result = executor.simulate(filled, context)
        if result.waiting_for is not None:
            self.asked.append(step.id)
            answer = sample(result.waiting_for.form, last=self.last)
            result = executor.answer(filled, context, answer)
        if checks := step.validation_rules:
            found = validation.check_value(
                result.output,
                schema=checks.get("schema"),
                rules=checks.get("rules", ()),
                variables=context.data,
                path="output",
                name="output",
            )
            if found:
                raise PlatformError("The output does not hold its rules.", problems=found)
        return result
