"""AI_GENERATED: a language model writes the step's output."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings

from ai import client, tools, verdicts
from ai.budgets.errors import AIBudgetExhausted
from ai.budgets.parking import park
from ai.client import Answer, Caller
from ai.progress import reports
from ai.progress.reports import Phase, reporting
from ai.prompts import FILLED, PromptEngine
from core.errors import Problem
from core.json import JsonObject
from engine import definitions, rules, validation
from engine.context import WorkflowContext
from engine.definition import WorkflowStep
from engine.owners import owner_of
from engine.registry import register
from engine.samples import sample
from engine.step import (
    Effect,
    StepResult,
    WorkflowStepExecutor,
    conforms,
)

_MODEL: JsonObject = {"type": "string", "minLength": 1, "maxLength": 100}


@register
class AIGeneratedExecutor(WorkflowStepExecutor):
    """Asks a language model, with the values that the prompt names by `${...}`."""

    step_type = "AI_GENERATED"
    description = "Asks a language model; with a schema, for data that fits it."
    queue = "ai"
    agent_type: ClassVar[str] = "step"
    prompt_engine: ClassVar[PromptEngine] = PromptEngine()
    config_schema: ClassVar[JsonObject] = {
        "type": "object",
        "properties": {
            "prompt": {"type": "string", "minLength": 1},
            "system": {"type": "string"},
            "schema": {"type": "object"},
            "model": _MODEL,
            "models": {"type": "array", "items": _MODEL, "minItems": 1, "maxItems": 10},
            "fallback_models": {"type": "array", "items": _MODEL, "maxItems": 10},
            "max_tokens": {"type": "integer", "minimum": 1},
            "temperature": {"type": "number", "minimum": 0, "maximum": 2},
            "cache": {"type": "boolean"},
            "redact": {"type": "boolean"},
            "review": verdicts.REVIEW,
            **tools.CONFIG,
        },
        "required": ["prompt"],
        "additionalProperties": False,
    }

    def execute(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        caller = _caller(self.agent_type, context)
        with reporting(step_id=step.id, caller=caller):
            return self._asked(step, context, caller)

    def _asked(self, step: WorkflowStep, context: WorkflowContext, caller: Caller) -> StepResult:
        try:
            if verdicts.is_reviewed(step):
                return self._for_review(step, context, caller)
            answer = self.ask(step, caller=caller)
        except AIBudgetExhausted as error:
            reports.tell(Phase.PARKED, error=error.code)
            return park(error, caller, keep=verdicts.kept(step, context))
        return StepResult(output=self.output(step, answer), measurements=verdicts.answered(answer))

    def _for_review(
        self, step: WorkflowStep, context: WorkflowContext, caller: Caller
    ) -> StepResult:
        """The answer waits for a person's verdict."""
        rejected = verdicts.rejections(context)
        verdicts.refuse_further(step, rejected)
        prompt = verdicts.told(step.config["prompt"], rejected)
        answer = self.ask(replace(step, config={**step.config, "prompt": prompt}), caller=caller)
        output = self.output(step, answer)
        return StepResult(waiting_for=verdicts.question(step, output, rejected=rejected))

    def answer(self, step: WorkflowStep, context: WorkflowContext, answer: Any) -> StepResult:
        if not verdicts.is_reviewed(step):
            return super().answer(step, context, answer)
        return verdicts.decide(step, context, answer)

    def ask(self, step: WorkflowStep, *, caller: Caller) -> Answer:
        """What the model answers to the filled-in step. Raises AIError, AIBudgetExhausted."""
        return client.ask(self.prompt_engine.generate(step), caller=caller)

    def output(self, step: WorkflowStep, answer: Answer) -> JsonObject:
        """The step's output with this answer."""
        output: JsonObject = {
            "text": answer.text,
            "model": answer.model,
            "provider": answer.provider,
        }
        if "schema" in step.config:
            output["data"] = answer.data
        if answer.cached:
            output["cached"] = True
        if answer.notice:
            output["notice"] = answer.notice
        return output

    def simulate(self, step: WorkflowStep, context: WorkflowContext) -> StepResult:
        output: JsonObject = {"text": "Sample text", "model": "", "provider": "simulated"}
        if "schema" in step.config:
            output["data"] = sample(step.config["schema"])
        return StepResult(output=output)

    def validate(self, step: WorkflowStep, context: WorkflowContext) -> bool:
        return conforms(self, step)

    def get_required_inputs(self) -> list[str]:
        return []

    def get_outputs(self) -> list[str]:
        return ["text", "model", "provider"]

    def effect(self, step: WorkflowStep) -> Effect:
        # What comes after a verdict waits for a person, whether it reads the answer or not.
        return "person" if step.config.get("review") else "model"

    def expressions(self, step: WorkflowStep) -> list[rules.Expression]:
        return [
            expression
            for key in FILLED
            if key in step.config
            for expression in rules.interpolations(step.config[key], f"config.{key}")
        ]

    def problems(self, step: WorkflowStep) -> list[Problem]:
        config = step.config
        problems = []
        if "models" in config and {"model", "fallback_models"} & config.keys():
            message = "'models' names all models: leave out 'model' and 'fallback_models'"
            problems.append(Problem("config.models", message))
        if config.get("redact") is False and not settings.AI_REDACT_OPTIONAL:
            message = "this deployment replaces personal data in every prompt (AI_REDACT_OPTIONAL)"
            problems.append(Problem("config.redact", message))
        problems += tools.problems(config, "config")
        if "schema" in config:
            problems += validation.schema_problems(config["schema"], "config.schema")
        return problems

    def resolve(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject:
        return self.prompt_engine.fill(step, context)


def _caller(agent_type: str, context: WorkflowContext) -> Caller:
    """For whom a step asks: its run, as far as the context tells, and the run's organisation."""
    owner, metadata = owner_of(context), context.metadata
    return Caller(
        agent_type=agent_type,
        user_id=owner.user_id,
        organisation_id=owner.organisation_id,
        workflow_id=owner.workflow_id,
        execution_id=owner.execution_id,
        step_execution_id=_uuid(metadata.get("step_execution_id")),
        attempt=metadata.get("attempt", 0),
        run_limit_usd=_run_limit(owner.execution_id),
    )


def _run_limit(execution_id: UUID | None) -> Decimal | None:
    return None if execution_id is None else definitions.of_run(execution_id).budget_usd


def _uuid(text: str | None) -> UUID | None:
    return UUID(text) if text else None
