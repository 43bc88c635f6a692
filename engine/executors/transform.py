"""TRANSFORM: new values from old ones, by expressions."""

from __future__ import annotations

from typing import ClassVar

from engine import rules
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowStep
from engine.registry import register
from engine.step import (
    STEP_VARIABLES,
    Effect,
    StepResult,
    WorkflowStepExecutor,
    as_result,
    conforms,
)


@register
class TransformExecutor(WorkflowStepExecutor):
    """Evaluates one expression for each key of its output."""

    step_type = "TRANSFORM"
    description = "Computes values from inputs and earlier outputs by expressions (CEL)."
    config_schema: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "output": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"type": "string", "minLength": 1},
            }
        },
        "required": ["output"],
        "additionalProperties": False,
    }

    def execute(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject | StepResult:
        return {
            name: rules.evaluate(source, context.data)
            for name, source in step.config["output"].items()
        }

    def simulate(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        return as_result(self.execute(step, context))

    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        return conforms(self, step)

    def get_required_inputs(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return []

    def effect(self, step: WorkflowStep) -> Effect:
        return "none"

    def is_inline(self, step: WorkflowStep) -> bool:
        return True

    def expressions(self, step: WorkflowStep) -> list[rules.Expression]:
        return [
            rules.Expression(f"config.output.{name}", source, STEP_VARIABLES)
            for name, source in step.config["output"].items()
        ]

    def resolve(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject:
        return step.config
