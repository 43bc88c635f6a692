"""DECISION: rules, or a person, choose the branches that go on."""

from __future__ import annotations

from typing import Any, ClassVar

from core.errors import Problem
from engine import rules, validation
from engine.context import JsonObject, WorkflowContext
from engine.definition import WorkflowStep
from engine.executors.data_collection import InvalidAnswer
from engine.registry import register
from engine.step import (
    STEP_VARIABLES,
    Effect,
    StepRefused,
    StepResult,
    WaitingFor,
    WorkflowStepExecutor,
    as_result,
    conforms,
)

_IDS: JsonObject = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}


class NoBranchChosen(StepRefused):
    """No rule of the decision holds and it has no default."""

    code = "no_branch_chosen"


@register
class DecisionExecutor(WorkflowStepExecutor):
    """Chooses among its dependents. Those that no branch ever names always go on."""

    step_type = "DECISION"
    description = "Chooses branches by rules (CEL), or asks a person to choose."
    config_schema: ClassVar[JsonObject] = {
        "type": "object",
        "oneOf": [
            {
                "properties": {
                    "rules": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "properties": {
                                "when": {"type": "string", "minLength": 1},
                                "then": _IDS,
                                "label": {"type": "string"},
                            },
                            "required": ["when", "then"],
                            "additionalProperties": False,
                        },
                    },
                    "default": _IDS,
                    "mode": {"enum": ["first", "all"]},
                },
                "required": ["rules"],
                "additionalProperties": False,
            },
            {
                "properties": {
                    "title": {"type": "string", "minLength": 1},
                    "details": {"type": "object"},
                    "choices": {
                        "type": "array",
                        "minItems": 1,
                        "items": {
                            "type": "object",
                            "properties": {
                                "value": {"type": "string", "minLength": 1},
                                "label": {"type": "string"},
                                "then": _IDS,
                            },
                            "required": ["value", "then"],
                            "additionalProperties": False,
                        },
                    },
                },
                "required": ["title", "choices"],
                "additionalProperties": False,
            },
        ],
    }

    def execute(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject | StepResult:
        if "choices" in step.config:
            return StepResult(waiting_for=_question(step.config))
        chosen: list[str] = []
        labels: list[str] = []
        matched = False
        for rule in step.config["rules"]:
            if not rules.holds(rule["when"], context.data):
                continue
            matched = True
            chosen += [branch for branch in rule["then"] if branch not in chosen]
            labels += [rule["label"]] if "label" in rule else []
            if step.config.get("mode", "first") == "first":
                break
        if not matched:
            if "default" not in step.config:
                raise NoBranchChosen()
            chosen = list(step.config["default"])
        return _chosen(self, step, chosen, {"labels": labels})

    def simulate(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        return as_result(self.execute(step, context))

    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        return conforms(self, step)

    def get_required_inputs(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return ["chosen"]

    def effect(self, step: WorkflowStep) -> Effect:
        return "person" if "choices" in step.config else "guard"

    def is_inline(self, step: WorkflowStep) -> bool:
        return True

    def expressions(self, step: WorkflowStep) -> list[rules.Expression]:
        return super().expressions(step) + [
            rules.Expression(f"config.rules[{n}].when", rule["when"], STEP_VARIABLES)
            for n, rule in enumerate(step.config.get("rules", ()))
        ]

    def problems(self, step: WorkflowStep) -> list[Problem]:
        values = [choice["value"] for choice in step.config.get("choices", ())]
        return [
            Problem(f"config.choices[{n}].value", f"the value '{value}' is taken already")
            for n, value in enumerate(values)
            if value in values[:n]
        ]

    def branches(self, step: WorkflowStep) -> list[tuple[str, str]]:
        named = [
            (f"config.{key}[{n}].then[{m}]", branch)
            for key in ("rules", "choices")
            for n, option in enumerate(step.config.get(key, ()))
            for m, branch in enumerate(option["then"])
        ]
        return named + [
            (f"config.default[{n}]", branch)
            for n, branch in enumerate(step.config.get("default", ()))
        ]

    def answer(self, step: WorkflowStep, context: WorkflowContext, answer: Any) -> StepResult:
        form = _question(step.config).form
        problems = validation.check_value(answer, schema=form, path="answer")
        if problems:
            raise InvalidAnswer(problems=problems)
        option = next(c for c in step.config["choices"] if c["value"] == answer["choice"])
        said = {"choice": answer["choice"], "comment": answer.get("comment", "")}
        return _chosen(self, step, list(option["then"]), said)


def _question(config: JsonObject) -> WaitingFor:
    options = [
        {"const": choice["value"], "title": choice.get("label", choice["value"])}
        for choice in config["choices"]
    ]
    return WaitingFor(
        kind="person",
        title=config["title"],
        form={
            "type": "object",
            "properties": {
                "choice": {"type": "string", "oneOf": options},
                "comment": {"type": "string", "maxLength": 5_000},
            },
            "required": ["choice"],
            "additionalProperties": False,
        },
        details=config.get("details", {}),
    )


def _chosen(
    executor: DecisionExecutor, step: WorkflowStep, chosen: list[str], said: JsonObject
) -> StepResult:
    optional = {branch for _, branch in executor.branches(step)}
    return StepResult(
        output={"chosen": chosen, **said}, closed=frozenset(optional.difference(chosen))
    )
