"""Workflows and their versions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from core.api.schema import refusal
from core.audit.actors import by_request
from core.audit.recording import action
from engine import selectors, workflows
from engine.api import examples
from engine.api.filters import WorkflowFilter
from engine.api.permissions import WhoSeesMay
from engine.api.serializers.workflows import (
    ChangeWorkflowSerializer,
    NewWorkflowSerializer,
    ReplaceWorkflowSerializer,
    WorkflowDetailSerializer,
    WorkflowSerializer,
    WorkflowVersionDetailSerializer,
    WorkflowVersionSerializer,
)
from engine.api.views.base import DefinitionBody, WorkflowView, caller
from engine.errors import DefinitionInUse, InvalidDefinition
from engine.models import Workflow, WorkflowVersion


class WorkflowList(DefinitionBody, WorkflowView, ListAPIView[Workflow]):
    """The workflows that you own and those that are shared with everybody."""

    serializer_class = WorkflowSerializer
    filterset_class = WorkflowFilter

    @extend_schema(tags=["workflows"], summary="List workflows")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        tags=["workflows"],
        summary="Create a workflow from a definition",
        request=NewWorkflowSerializer,
        responses={201: WorkflowDetailSerializer, **refusal(InvalidDefinition)},
        examples=[examples.NEW_WORKFLOW, examples.WRONG_DEFINITION],
    )
    def post(self, request: Request) -> Response:
        body = NewWorkflowSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with action(by_request(request), "workflow.create") as entry:
            workflow = workflows.create_workflow(
                document=body.validated_data["definition"],
                owner=caller(self),
                is_shared=body.validated_data["is_shared"],
            )
            entry.on(workflow)
            entry.tell(version=workflow.latest, is_shared=workflow.is_shared)
        location = reverse("workflow", args=[workflow.id], request=request)
        return Response(
            WorkflowDetailSerializer(workflow).data, status=201, headers={"Location": location}
        )


class WorkflowDetail(DefinitionBody, WorkflowView, RetrieveAPIView[Workflow]):
    """One workflow. Everybody who sees it may read it; its owner changes it."""

    serializer_class = WorkflowDetailSerializer

    @extend_schema(tags=["workflows"], summary="Show a workflow with its newest definition")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        tags=["workflows"],
        summary="Give a workflow a new definition",
        description="Becomes a new version. Runs that have started keep theirs.",
        request=ReplaceWorkflowSerializer,
        responses={200: WorkflowDetailSerializer, **refusal(InvalidDefinition)},
    )
    def put(self, request: Request, workflow_id: UUID) -> Response:
        return self._change(ReplaceWorkflowSerializer(data=request.data))

    @extend_schema(
        tags=["workflows"],
        summary="Change a workflow's definition or who may see it",
        request=ChangeWorkflowSerializer,
        responses={200: WorkflowDetailSerializer, **refusal(InvalidDefinition)},
    )
    def patch(self, request: Request, workflow_id: UUID) -> Response:
        return self._change(ChangeWorkflowSerializer(data=request.data))

    @extend_schema(
        tags=["workflows"],
        summary="Delete a workflow that has never run",
        responses={204: None, **refusal(DefinitionInUse)},
    )
    def delete(self, request: Request, workflow_id: UUID) -> Response:
        workflow = self.get_object()
        with action(by_request(request), "workflow.delete", (Workflow, workflow.id)):
            workflows.delete_workflow(workflow=workflow)
        return Response(status=204)

    def _change(self, body: ReplaceWorkflowSerializer) -> Response:
        workflow = self.get_object()
        body.is_valid(raise_exception=True)
        with action(by_request(self.request), "workflow.update", workflow) as entry:
            if "definition" in body.validated_data:
                workflow = workflows.update_workflow(
                    workflow=workflow,
                    document=body.validated_data["definition"],
                    user=caller(self),
                )
            if "is_shared" in body.validated_data:
                workflow = workflows.share_workflow(
                    workflow=workflow, is_shared=body.validated_data["is_shared"]
                )
            fields = sorted(body.validated_data)
            entry.tell(fields=fields, version=workflow.latest, is_shared=workflow.is_shared)
        return Response(WorkflowDetailSerializer(workflow).data)


@extend_schema(tags=["workflows"], summary="List a workflow's versions, the newest first")
class WorkflowVersionList(ListAPIView[WorkflowVersion]):
    """The definitions that a workflow has had."""

    queryset = WorkflowVersion.objects.none()
    permission_classes = [WhoSeesMay]
    serializer_class = WorkflowVersionSerializer
    keyset = ("-number",)

    def get_queryset(self) -> QuerySet[WorkflowVersion]:
        return _versions(self, self.kwargs["workflow_id"]).defer("definition")


@extend_schema(tags=["workflows"], summary="Show one version of a workflow")
class WorkflowVersionDetail(RetrieveAPIView[WorkflowVersion]):
    """A definition that a workflow has had, as it was."""

    queryset = WorkflowVersion.objects.none()
    permission_classes = [WhoSeesMay]
    serializer_class = WorkflowVersionDetailSerializer
    lookup_field = "number"

    def get_queryset(self) -> QuerySet[WorkflowVersion]:
        return _versions(self, self.kwargs["workflow_id"])


def _versions(view: APIView, workflow_id: UUID) -> QuerySet[WorkflowVersion]:
    workflow = get_object_or_404(selectors.workflows_for(caller(view)).only("id"), id=workflow_id)
    return WorkflowVersion.objects.filter(workflow=workflow)
