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

from core.access import organisation_for, require_role, with_role
from core.api.callers import caller
from core.api.permissions import require_scope
from core.api.schema import refusal
from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import NotFound
from core.models import Role, User
from engine import selectors, workflows
from engine.api import examples
from engine.api.filters import WorkflowFilter
from engine.api.permissions import DraftsByOwner
from engine.api.serializers.workflows import (
    ChangeWorkflowSerializer,
    NewWorkflowSerializer,
    ReplaceWorkflowSerializer,
    WorkflowDetailSerializer,
    WorkflowSerializer,
    WorkflowVersionDetailSerializer,
    WorkflowVersionSerializer,
)
from engine.api.views.base import DefinitionBody, WorkflowView
from engine.errors import DefinitionInUse, InvalidDefinition, NotTheOwner
from engine.models import Workflow, WorkflowVersion


class WorkflowList(DefinitionBody, WorkflowView, ListAPIView[Workflow]):
    """The workflows that your organisations share, and your own."""

    needs = {"POST": Role.EDITOR}

    serializer_class = WorkflowSerializer
    filterset_class = WorkflowFilter

    @extend_schema(tags=["workflows"], summary="List workflows")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        tags=["workflows"],
        summary="Create a workflow from a definition",
        request=NewWorkflowSerializer,
        responses={201: WorkflowDetailSerializer, **refusal(InvalidDefinition, NotFound)},
        examples=[examples.NEW_WORKFLOW, examples.WRONG_DEFINITION],
    )
    def post(self, request: Request) -> Response:
        body = NewWorkflowSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        user, given = caller(self), body.validated_data
        organisation = organisation_for(user, given.get("organisation"), needed=Role.EDITOR)
        with action(by_request(request), "workflow.create") as entry:
            workflow = workflows.create_workflow(
                document=given["definition"],
                owner=user,
                organisation=organisation,
                is_shared=given["is_shared"],
            )
            entry.on(workflow)
            entry.tell(version=workflow.latest, is_shared=workflow.is_shared)
        location = reverse("workflow", args=[workflow.id], request=request)
        return Response(
            WorkflowDetailSerializer(workflow).data, status=201, headers={"Location": location}
        )


class WorkflowDetail(DefinitionBody, WorkflowView, RetrieveAPIView[Workflow]):
    """One workflow."""

    permission_classes = [DraftsByOwner]
    needs = {"PUT": Role.EDITOR, "PATCH": Role.EDITOR, "DELETE": Role.ADMIN}
    serializer_class = WorkflowDetailSerializer

    @extend_schema(tags=["workflows"], summary="Show a workflow with its newest definition")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.retrieve(request, *args, **kwargs)

    @extend_schema(
        tags=["workflows"],
        summary="Give a workflow a new definition",
        description="Becomes a new version. Runs that have started keep theirs.",
        request=ReplaceWorkflowSerializer,
        responses={200: WorkflowDetailSerializer, **refusal(InvalidDefinition, NotTheOwner)},
    )
    def put(self, request: Request, workflow_id: UUID) -> Response:
        return self._change(ReplaceWorkflowSerializer(data=request.data))

    @extend_schema(
        tags=["workflows"],
        summary="Change a workflow's definition, who may see it, or whose it is",
        description="Only its owner may make a shared workflow private. To move it, with its runs "
        "and schedules, to another organisation asks for an admin here and an editor there.",
        request=ChangeWorkflowSerializer,
        responses={200: WorkflowDetailSerializer, **refusal(InvalidDefinition, NotTheOwner)},
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
        workflow, user = self.get_object(), caller(self)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        with action(by_request(self.request), "workflow.update", workflow) as entry:
            if "organisation" in given:
                workflow = self._move(workflow, given["organisation"], user)
            if "definition" in given:
                workflow = workflows.update_workflow(
                    workflow=workflow, document=given["definition"], user=user
                )
            if given.get("is_shared", workflow.is_shared) != workflow.is_shared:
                if workflow.is_shared and workflow.owner_id != user.pk:
                    raise NotTheOwner()
                workflow = workflows.share_workflow(workflow=workflow, is_shared=given["is_shared"])
            fields = sorted(given)
            entry.tell(fields=fields, version=workflow.latest, is_shared=workflow.is_shared)
        return Response(WorkflowDetailSerializer(workflow).data)

    def _move(self, workflow: Workflow, organisation_id: UUID, user: User) -> Workflow:
        target = organisation_for(user, organisation_id, needed=Role.EDITOR)
        if target.id == workflow.organisation_id:
            return workflow
        own = workflow.owner_id == user.pk and not workflow.is_shared
        needed = Role.EDITOR if own else Role.ADMIN
        require_role(workflow, needed)
        require_scope(self.request, needed)
        return workflows.move_workflow(workflow=workflow, organisation=target, user=user)


@extend_schema(tags=["workflows"], summary="List a workflow's versions, the newest first")
class WorkflowVersionList(ListAPIView[WorkflowVersion]):
    """The definitions that a workflow has had."""

    queryset = WorkflowVersion.objects.none()
    serializer_class = WorkflowVersionSerializer
    keyset = ("-number",)

    def get_queryset(self) -> QuerySet[WorkflowVersion]:
        return _versions(self, self.kwargs["workflow_id"]).defer("definition")


@extend_schema(tags=["workflows"], summary="Show one version of a workflow")
class WorkflowVersionDetail(RetrieveAPIView[WorkflowVersion]):
    """A definition that a workflow has had, as it was."""

    queryset = WorkflowVersion.objects.none()
    serializer_class = WorkflowVersionDetailSerializer
    lookup_field = "number"

    def get_queryset(self) -> QuerySet[WorkflowVersion]:
        found = _versions(self, self.kwargs["workflow_id"])
        return with_role(found, caller(self), organisation="workflow__organisation_id")


def _versions(view: APIView, workflow_id: UUID) -> QuerySet[WorkflowVersion]:
    workflow = get_object_or_404(selectors.workflows_for(caller(view)).only("id"), id=workflow_id)
    return WorkflowVersion.objects.filter(workflow=workflow)
