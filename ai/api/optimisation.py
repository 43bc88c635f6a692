"""Suggestions of how a workflow could be better."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ai.api import optimisation_examples as examples
from ai.api.optimisation_serializers import (
    OptimisationSerializer,
    WorkflowOptimizationRequestSerializer,
    WorkflowReferenceSerializer,
)
from ai.optimisation import services
from ai.optimisation.errors import DefinitionTooLarge, UnknownSuggestion
from core.api.callers import caller
from core.api.schema import refusal
from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import InvalidInput, Problem
from core.models import Role
from engine.api.views.base import find_workflow
from engine.errors import NotAIConfigurable, VersionChanged
from engine.models import Workflow


class OptimizeView(APIView):
    """Suggestions for a workflow, and a draft with those that the caller chose."""

    needs = {"POST": Role.EDITOR}

    @extend_schema(
        tags=["ai"],
        summary="Suggest how a workflow could be faster, cheaper or sturdier",
        description="Computed from the definition and from past runs, and checked: no model is "
        "asked and nothing is changed. With `apply`, the chosen suggestions become a draft "
        "version, which no run takes until somebody publishes it.",
        request=WorkflowOptimizationRequestSerializer,
        parameters=[
            OpenApiParameter(
                "workflow_id", OpenApiTypes.UUID, description="The workflow; here or in the body."
            )
        ],
        responses={
            200: OptimisationSerializer,
            **refusal(UnknownSuggestion, NotAIConfigurable, VersionChanged, DefinitionTooLarge),
        },
        examples=[examples.ASK, examples.APPLY, examples.SUGGESTED],
    )
    def post(self, request: Request) -> Response:
        body = WorkflowOptimizationRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        found = find_workflow(self, _workflow_id(request, body.validated_data.get("workflow_id")))
        workflow = Workflow.objects.get(id=found.id)
        chosen = body.validated_data.get("apply", [])
        with action(by_request(request), "workflow.optimize", workflow) as entry:
            result = services.optimize_workflow(
                workflow=workflow,
                user=caller(self),
                apply=chosen,
                version=body.validated_data.get("version"),
            )
            if result.draft is None:
                entry.drop()
            else:
                entry.tell(version=result.version, draft=result.draft.number, applied=chosen)
        return Response(OptimisationSerializer(result).data)


def _workflow_id(request: Request, in_body: UUID | None) -> UUID:
    query = WorkflowReferenceSerializer(data=request.query_params.dict())
    query.is_valid(raise_exception=True)
    ids = {each for each in (in_body, query.validated_data.get("workflow_id")) if each is not None}
    if len(ids) != 1:
        message = "is required" if not ids else "differs between body and query"
        raise InvalidInput(f"workflow_id {message}.", problems=[Problem("workflow_id", message)])
    return ids.pop()
