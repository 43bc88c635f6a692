"""Workflows from plain words, and, with options, changes of workflows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from ai.api.generation_serializers import (
    GenerateAdvancedSerializer,
    GenerateSerializer,
    GenerationSerializer,
)
from ai.errors import AIError, AIRateLimited, AITimeout
from ai.generation import services
from ai.generation.errors import (
    ChangeNeedsModel,
    GenerationFailed,
    RequirementsContradictory,
    RequirementsImpossible,
    RequirementsVague,
)
from ai.generation.generator import Requirements
from core.access import organisation_for
from core.api.callers import caller
from core.api.permissions import ByRole, ForEverybody
from core.api.schema import refusal
from core.api.throttles import CallerThrottle
from core.audit.actors import by_request
from core.audit.models import Outcome
from core.audit.recording import action, record
from core.errors import InvalidInput, NotFound, PlatformError, Problem
from core.json import JsonObject
from core.models import Organisation, Role, User
from engine import registry
from engine.api.views.base import find_workflow
from engine.errors import NotAIConfigurable
from engine.models import Workflow

_TEXT = (
    "Employees hand in an expense claim with amount, cost centre and purpose. Claims up to 200"
    " euros are booked straight away. Anything above that needs the manager's approval first."
)
_REQUEST = OpenApiExample("An expense claim", value={"requirements": _TEXT}, request_only=True)
_OPTIONS = OpenApiExample(
    "With options",
    value={
        "requirements": _TEXT,
        "name": "Expense claims",
        "options": {"step_types": ["DATA_COLLECTION", "DECISION", "TRANSFORM"], "keep": False},
    },
    request_only=True,
)
_VAGUE = OpenApiExample(
    "Too little is said",
    value={
        "code": "requirements_vague",
        "message": "The text does not say enough to draw up steps.",
        "details": [
            {
                "path": "requirements",
                "message": "Who decides or is asked, and what happens with each answer?",
            }
        ],
    },
    response_only=True,
    status_codes=["400"],
)
_REFUSALS = refusal(
    NotFound, RequirementsVague, RequirementsContradictory, RequirementsImpossible,
    GenerationFailed, AIError, AIRateLimited, AITimeout,
)  # fmt: skip
_CHANGES = refusal(NotAIConfigurable, ChangeNeedsModel)


class GenerationThrottle(CallerThrottle):
    """Generations of one account: each costs several calls of a model."""

    scope = "ai-generation"

    def __init__(self) -> None:
        self.per_minute = 20


class GenerateView(APIView):
    """Draws up a workflow from plain words."""

    permission_classes = [ForEverybody]
    throttle_classes = [CallerThrottle, GenerationThrottle]
    needs = {"POST": Role.EDITOR}

    @extend_schema(
        tags=["ai"],
        summary="Draw up a workflow from plain words",
        description="The draft is a private workflow of yours: nothing shares, schedules or runs"
        " it. Look at every step, and at `not_covered`.",
        request=GenerateSerializer,
        responses={201: GenerationSerializer, **_REFUSALS},
        examples=[_REQUEST, _VAGUE],
    )
    def post(self, request: Request) -> Response:
        body = GenerateSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _generate(self, body.validated_data)


class GenerateAdvancedView(APIView):
    """Draws up a workflow from plain words, or the change of one, within limits."""

    permission_classes = [ByRole]
    throttle_classes = [CallerThrottle, GenerationThrottle]
    needs = {"POST": Role.EDITOR}

    @extend_schema(
        tags=["ai"],
        summary="Draw up a workflow, or the change of one, with options",
        description="With `workflow`, or `keep: false`, nothing is saved but the record of the"
        " attempt: the definition is for you to look at and to save.",
        request=GenerateAdvancedSerializer,
        responses={200: GenerationSerializer, 201: GenerationSerializer, **_REFUSALS, **_CHANGES},
        examples=[_OPTIONS, _VAGUE],
    )
    def post(self, request: Request) -> Response:
        body = GenerateAdvancedSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return _generate(self, body.validated_data)


def _generate(view: APIView, given: JsonObject) -> Response:
    request, user = view.request, caller(view)
    options: JsonObject = given.get("options", {})
    base: Workflow | None = None
    if "workflow" in given:
        found = find_workflow(view, given["workflow"])
        base = Workflow.objects.select_related("organisation").get(id=found.id)
        organisation = base.organisation
    else:
        organisation = organisation_for(user, given.get("organisation"), needed=Role.EDITOR)
    saves = base is None and options.get("keep", True)
    requirements = _requirements(given, options, base)
    generation = _drawn_up(request, requirements, user, organisation, base)
    with action(by_request(request), "workflow.generate") as entry:
        if saves:
            workflow = services.keep_draft(generation, user=user, organisation=organisation)
            entry.on(workflow)
        else:
            services.keep_proposal(generation)
            entry.on(generation.row, organisation_id=organisation.pk)
        entry.tell(
            generation=generation.row.pk,
            model=generation.draft.model,
            steps=len(generation.draft.definition["steps"]),
            saved=saves,
        )
    answer = GenerationSerializer(services.overview(generation)).data
    if generation.workflow is None:
        return Response(answer)
    location = reverse("workflow", args=[generation.workflow.pk], request=request)
    return Response(answer, status=201, headers={"Location": location})


def _drawn_up(
    request: Request,
    requirements: Requirements,
    user: User,
    organisation: Organisation,
    base: Workflow | None,
) -> services.Generation:
    """The draft. No transaction is open meanwhile: a model may take a minute."""
    try:
        return services.draw_up(
            requirements=requirements, user=user, organisation=organisation, base=base
        )
    except PlatformError as error:
        if error.status >= 500 or error.status in (403, 409):
            record(
                by_request(request),
                "workflow.generate",
                base or organisation,
                organisation_id=organisation.pk,
                outcome=Outcome.FAILED if error.status >= 500 else Outcome.REFUSED,
                error=error.code,
            )
        raise


def _requirements(given: JsonObject, options: JsonObject, base: Workflow | None) -> Requirements:
    known = registry.executors()
    unknown = [
        Problem(f"options.step_types[{n}]", f"There is no step type '{name[:50]}'.")
        for n, name in enumerate(options.get("step_types", ()))
        if name not in known
    ]
    if unknown:
        raise InvalidInput(problems=unknown)
    document: Any = base.definition if base else None
    return Requirements(
        text=given["requirements"],
        name=given.get("name", ""),
        category=given.get("category", ""),
        base=document,
        step_types=tuple(options.get("step_types", ())),
        max_steps=options.get("max_steps", 0),
        model=options.get("model", ""),
        experience_level=options.get("experience_level", ""),
    )
