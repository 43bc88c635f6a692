"""VALIDATION: a value against a JSON Schema and rules with messages."""

from __future__ import annotations

from typing import ClassVar

from core.errors import Problem
from engine import rules, validation
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowStep
from engine.registry import register
from engine.step import (
    STEP_VARIABLES,
    Effect,
    StepRefused,
    StepResult,
    WorkflowStepExecutor,
    as_result,
    conforms,
)

_VARIABLES = STEP_VARIABLES | {"value"}


class ValidationFailed(StepRefused):
    """The value is not valid."""

    code = "validation_failed"


@register
class ValidationExecutor(WorkflowStepExecutor):
    """Checks a value, and fails the step or reports what is wrong."""

    step_type = "VALIDATION"
    description = "Checks a value against a JSON Schema and rules (CEL) with messages."
    config_schema: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "value": {},
            "schema": {"type": "object"},
            "rules": {"type": "array"},
            "on_invalid": {"enum": ["fail", "report"]},
        },
        "required": ["value"],
        "anyOf": [{"required": ["schema"]}, {"required": ["rules"]}],
        "additionalProperties": False,
    }

    def execute(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject | StepResult:
        problems = validation.check_value(
            step.config["value"],
            schema=step.config.get("schema"),
            rules=step.config.get("rules", ()),
            variables=context.data,
        )
        if problems and step.config.get("on_invalid", "fail") == "fail":
            raise ValidationFailed(problems=problems)
        found = [{"path": p.path, "message": p.message} for p in problems]
        return {"valid": not problems, "problems": found}

    def simulate(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        return as_result(self.execute(step, context))

    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        return conforms(self, step)

    def get_required_inputs(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return ["valid", "problems"]

    def effect(self, step: WorkflowStep) -> Effect:
        return "guard" if step.config.get("on_invalid", "fail") == "fail" else "none"

    def is_inline(self, step: WorkflowStep) -> bool:
        return True

    def expressions(self, step: WorkflowStep) -> list[rules.Expression]:
        return rules.interpolations(step.config["value"], "config.value") + [
            rules.Expression(f"config.rules[{n}].expr", rule["expr"], _VARIABLES)
            for n, rule in enumerate(step.config.get("rules", ()))
        ]

    def problems(self, step: WorkflowStep) -> list[Problem]:
        found: list[Problem] = []
        if "schema" in step.config:
            found += validation.schema_problems(step.config["schema"], "config.schema")
        found += validation.rules_problems(step.config.get("rules", []), "config.rules", _VARIABLES)
        return found

    def resolve(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject:
        value = rules.interpolate(step.config["value"], context.data)
        return {**step.config, "value": value}
