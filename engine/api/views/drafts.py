"""Deciding on drafts."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.callers import caller
from core.api.schema import refusal
from core.api.serializers import StrictSerializer
from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import InvalidInput, NotFound
from core.models import Role
from engine import drafts
from engine.api.serializers.workflows import (
    PublishSerializer,
    WorkflowDetailSerializer,
    WorkflowVersionSerializer,
)
from engine.api.views.base import find_workflow
from engine.api.views.changes import find_version
from engine.errors import DraftClosed, InvalidDefinition, NotAIConfigurable, VersionChanged

_AGAINST = OpenApiExample(
    "After a look at the changes from version 3", value={"against": 3}, request_only=True
)


class PublishView(APIView):
    """Makes a draft the workflow's newest version."""

    needs = {"POST": Role.EDITOR}

    @extend_schema(
        tags=["workflows"],
        summary="Publish a draft of a workflow",
        description="Its definition becomes a new version. Runs that have started keep theirs.",
        request=PublishSerializer,
        responses={
            200: WorkflowDetailSerializer,
            **refusal(InvalidDefinition, NotFound, DraftClosed, NotAIConfigurable, VersionChanged),
        },
        examples=[_AGAINST],
    )
    def post(self, request: Request, workflow_id: UUID, number: int) -> Response:
        body = PublishSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        workflow = find_workflow(self, workflow_id)
        draft = find_version(workflow, number, "number")
        with action(by_request(request), "workflow.publish_draft", workflow) as entry:
            entry.tell(draft=number)
            saved = drafts.publish_draft(
                draft=draft, user=caller(self), against=body.validated_data.get("against")
            )
            entry.tell(version=saved.latest)
        return Response(WorkflowDetailSerializer(saved).data)


class DismissView(APIView):
    """Puts a draft away."""

    needs = {"POST": Role.EDITOR}

    @extend_schema(
        tags=["workflows"],
        summary="Dismiss a draft of a workflow",
        description="It stays to be looked at, and cannot be published any more.",
        request=None,
        responses={
            200: WorkflowVersionSerializer,
            **refusal(InvalidInput, NotFound, DraftClosed),
        },
    )
    def post(self, request: Request, workflow_id: UUID, number: int) -> Response:
        StrictSerializer(data=request.data).is_valid(raise_exception=True)
        workflow = find_workflow(self, workflow_id)
        draft = find_version(workflow, number, "number")
        with action(by_request(request), "workflow.dismiss_draft", workflow) as entry:
            entry.tell(draft=number)
            dismissed = drafts.dismiss_draft(draft=draft, user=caller(self))
        return Response(WorkflowVersionSerializer(dismissed).data)
