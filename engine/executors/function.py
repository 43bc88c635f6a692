"""FUNCTION: a registered Python callable."""

from __future__ import annotations

from typing import ClassVar

from core.errors import Problem
from engine import functions, rules, validation
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowStep
from engine.owners import owner_of
from engine.registry import register
from engine.samples import sample
from engine.step import (
    Effect,
    StepResult,
    WorkflowStepExecutor,
)


@register
class FunctionExecutor(WorkflowStepExecutor):
    """Calls a function that the platform or a project registered by decorator."""

    step_type = "FUNCTION"
    description = "Calls a registered Python function with typed arguments."
    config_schema: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "function": {"type": "string", "minLength": 1},
            "arguments": {"type": "object"},
        },
        "required": ["function"],
        "additionalProperties": False,
    }

    def execute(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject | StepResult:
        name = step.config["function"]
        owner = owner_of(context) if functions.functions()[name].owner else None
        return functions.call(name, step.config.get("arguments", {}), owner=owner)

    def simulate(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        # What a function does outside is not known here: it is not called.
        name, given = step.config["function"], step.config.get("arguments", {})
        if problems := functions.argument_problems(name, given):
            raise functions.InvalidArguments(problems=problems)
        value = sample(functions.functions()[name].returns)
        return StepResult(output=value if isinstance(value, dict) else {"result": value})

    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        # What the schema asks for beyond this cannot change by filling in.
        return isinstance(step.config["function"], str) and isinstance(
            step.config.get("arguments", {}), dict
        )

    def get_required_inputs(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return []

    def effect(self, step: WorkflowStep) -> Effect:
        return "none" if functions.functions()[step.config["function"]].pure else "unknown"

    def is_inline(self, step: WorkflowStep) -> bool:
        return functions.functions()[step.config["function"]].inline

    def get_queue(self, step: WorkflowStep) -> str:
        return functions.functions()[step.config["function"]].queue

    def problems(self, step: WorkflowStep) -> list[Problem]:
        name = step.config["function"]
        function = functions.functions().get(name)
        if function is None:
            known = ", ".join(sorted(functions.functions())) or "none"
            return [Problem("config.function", f"unknown function '{name}'; known: {known[:500]}")]
        given = step.config.get("arguments", {})
        parameters = function.schema.get("properties", {})
        open_ended = bool(function.schema.get("additionalProperties"))
        found = [
            Problem(f"config.arguments.{key}", f"'{name}' takes no argument '{key}'")
            for key in given
            if key not in parameters and not open_ended
        ]
        found += [
            Problem("config.arguments", f"'{name}' needs the argument '{key}'")
            for key in function.schema.get("required", ())
            if key not in given
        ]
        shared = function.schema.get("$defs", {})
        for key in given.keys() & parameters.keys():
            path = f"config.arguments.{key}"
            if not rules.interpolations(given[key], path):  # a constant, which can be checked now
                schema = {**parameters[key], "$defs": shared}
                found += validation.check_value(given[key], schema=schema, path=path)
        return found
