"""What a definition would do, without storing it."""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.permissions import ForEverybody
from core.api.schema import refusal
from core.json import JsonObject
from core.models import Role
from engine import definitions, plan, selectors
from engine.api import examples
from engine.api.serializers.workflows import (
    DefinitionSerializer,
    PlanSerializer,
    ValidDefinitionSerializer,
)
from engine.api.views.base import DefinitionBody, WorkflowView
from engine.definition import WorkflowDefinition
from engine.errors import InvalidDefinition

SHOWN_SEGMENTS = 200
SHOWN_CHARACTERS = 2_000


class ValidateView(DefinitionBody, APIView):
    """Checks a definition as saving it would."""

    permission_classes = [ForEverybody]
    needs = {"POST": Role.VIEWER}

    @extend_schema(
        tags=["workflows"],
        summary="Check a definition without saving it",
        request=DefinitionSerializer,
        responses={200: ValidDefinitionSerializer, **refusal(InvalidDefinition)},
        examples=[examples.DEFINITION, examples.WRONG_DEFINITION],
    )
    def post(self, request: Request) -> Response:
        definition = _parsed(request.data)
        summary = {
            "valid": True,
            "name": definition.name,
            "version": definition.version,
            "steps": len(definition.steps),
            "step_types": Counter(step.step_type for step in definition.steps),
            "entry_points": definition.entry_points,
            "exit_points": definition.exit_points,
        }
        return Response(ValidDefinitionSerializer(summary).data)


class PlanView(DefinitionBody, APIView):
    """The Celery canvases of a run in which every branch opens."""

    permission_classes = [ForEverybody]
    needs = {"POST": Role.VIEWER}

    @extend_schema(
        tags=["workflows"],
        summary="Preview the chains and chords of a definition",
        request=DefinitionSerializer,
        responses={200: PlanSerializer, **refusal(InvalidDefinition)},
        examples=[examples.DEFINITION, examples.PLAN, examples.WRONG_DEFINITION],
    )
    def post(self, request: Request) -> Response:
        return Response(PlanSerializer(_plan(_parsed(request.data))).data)


class WorkflowPlanView(WorkflowView):
    """The Celery canvases of a run of the newest version in which every branch opens."""

    @extend_schema(
        tags=["workflows"],
        summary="Preview the chains and chords of a workflow's run",
        responses=PlanSerializer,
        examples=[examples.PLAN],
    )
    def get(self, request: Request, workflow_id: UUID) -> Response:
        version_id = selectors.newest_version_id(self.get_object())
        return Response(PlanSerializer(_plan(definitions.load(version_id))).data)


def _parsed(data: Any) -> WorkflowDefinition:
    body = DefinitionSerializer(data=data)
    body.is_valid(raise_exception=True)
    return definitions.parse(body.validated_data["definition"])


def _plan(definition: WorkflowDefinition) -> JsonObject:
    rounds: list[list[str]] = []
    total = 0
    for segments in plan.preview(definition):
        shown = segments[: max(0, SHOWN_SEGMENTS - total)]
        total += len(segments)
        if shown:
            rounds.append([_cut(line) for line in plan.describe(definition, shown)])
    return {"steps": len(definition.steps), "total": total, "rounds": rounds}


def _cut(line: str) -> str:
    return line if len(line) <= SHOWN_CHARACTERS else line[:SHOWN_CHARACTERS] + " ..."
