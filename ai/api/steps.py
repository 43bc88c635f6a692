"""Trying an AI step by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ai import steps
from ai.api import examples
from ai.api.serializers import AIStepRequestSerializer, AIStepResultSerializer
from ai.budgets.errors import AIBudgetExhausted, AIPriceUnknown
from ai.errors import AIError
from core.access import organisation_for, require_role, with_role
from core.api.callers import caller
from core.api.permissions import ForEverybody
from core.api.schema import refusal
from core.api.throttles import CallerThrottle
from core.audit.actors import by_request
from core.audit.models import Outcome
from core.audit.recording import record
from core.errors import InvalidInput, NotFound, PlatformError, Problem
from core.json import JsonObject
from core.models import Organisation, Role, User
from engine import definitions, selectors
from engine.definition import WorkflowStep
from engine.errors import InvalidContext, InvalidDefinition, UnknownStep
from engine.models import Workflow


class AIStepThrottle(CallerThrottle):
    """AI steps that somebody tries: each holds a model, and costs."""

    scope = "ai-step"

    def __init__(self) -> None:
        self.per_minute = 30


class AIStepView(APIView):
    """An AI step alone, with a context that the request gives."""

    permission_classes = [ForEverybody]
    needs = {"POST": Role.RUNNER}
    throttle_classes = [CallerThrottle, AIStepThrottle]

    @extend_schema(
        tags=["ai"],
        summary="Try an AI step by itself",
        description="Asks the model as a run would: budgets, limits and records are the same. Give "
        "a step; or a workflow and the id of its step; or a prompt alone. Nothing waits for a "
        "review. Also at `/api/workflows/ai/execute-step`.",
        request=AIStepRequestSerializer,
        responses={
            200: AIStepResultSerializer,
            **refusal(
                InvalidDefinition,
                InvalidContext,
                steps.NotAnAIStep,
                NotFound,
                UnknownStep,
                AIError,
                AIBudgetExhausted,
                AIPriceUnknown,
            ),
        },
        examples=[examples.TRY_STEP, examples.TRY_PROMPT, examples.TRIED],
    )
    def post(self, request: Request) -> Response:
        user = caller(self)
        body = AIStepRequestSerializer(data=request.data, context={"user": user})
        body.is_valid(raise_exception=True)
        given = body.validated_data
        workflow, organisation = _whose(given, user)
        step = _step(given, workflow)
        actor, target = by_request(request), workflow or organisation
        about: dict[str, Any] = {"organisation_id": organisation.pk, "step": step.id}
        try:
            # In no transaction: a model may take a minute, and the rows of its calls stay.
            tried = steps.try_step(
                step,
                data=given.get("context", {}).get("data", {}),
                user=user,
                organisation=organisation,
                workflow=workflow,
            )
        except PlatformError as error:
            if error.status >= 500 or error.status in (403, 409):
                outcome = Outcome.FAILED if error.status >= 500 else Outcome.REFUSED
                record(actor, "ai_step.try", target, outcome=outcome, error=error.code, **about)
            raise
        record(actor, "ai_step.try", target, calls=tried.calls, **about)
        return Response(AIStepResultSerializer(tried).data)


def _whose(given: JsonObject, user: User) -> tuple[Workflow | None, Organisation]:
    """The workflow that the request names, and who pays."""
    if "workflow" not in given:
        return None, organisation_for(user, given.get("organisation"), needed=Role.RUNNER)
    found = with_role(selectors.workflows_for(user), user).select_related("organisation")
    workflow = found.filter(id=given["workflow"]).first()
    if workflow is None:
        message = "There is no such workflow."
        raise NotFound(message, problems=[Problem("workflow", message)])
    require_role(workflow, Role.RUNNER)
    if "organisation" in given:
        other = organisation_for(user, given["organisation"], needed=Role.RUNNER)
        if other.pk != workflow.organisation_id:
            raise _wrong("organisation", "is not the workflow's")
    return workflow, workflow.organisation


def _step(given: JsonObject, workflow: Workflow | None) -> WorkflowStep:
    if "step" in given:
        for name in ("step_id", "prompt"):
            if name in given:
                raise _wrong(name, "does not go with 'step'")
        return definitions.parse_step(given["step"])
    if workflow is not None:
        if "step_id" not in given:
            raise _wrong("step_id", "is required with 'workflow'")
        saved = steps.saved_step(workflow, given["step_id"])
        return _with_prompt(saved, given["prompt"]) if "prompt" in given else saved
    if "prompt" not in given:
        raise _wrong("step", "give a step, or a workflow and the id of its step, or a prompt")
    name = given.get("step_id", "try")
    plain = WorkflowStep(id=name, name=name, step_type="AI_GENERATED")
    return _with_prompt(plain, given["prompt"])


def _with_prompt(step: WorkflowStep, prompt: str) -> WorkflowStep:
    """The step with another prompt: what it reads has to be found anew."""
    document = {
        "id": "step",
        "name": "step",
        "step_type": step.step_type,
        "config": {**step.config, "prompt": prompt},
        "validation_rules": step.validation_rules,
        "timeout": step.timeout,
    }
    return replace(definitions.parse_step(document), id=step.id)


def _wrong(name: str, message: str) -> InvalidInput:
    return InvalidInput(f"{name} {message}.", problems=[Problem(name, message)])
