"""Steering runs: at their own address, or at their workflow's as documented."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.serializers import NothingSerializer
from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import InvalidInput, Problem
from core.models import Role
from engine.api.serializers.executions import (
    ExecutionReferenceSerializer,
    SuccessSerializer,
)
from engine.api.views.base import find_execution, find_workflow
from engine.models import WorkflowExecution
from engine.services import WorkflowEngine


class SteerView(APIView):
    """Changes the course of a run."""

    needs = {"POST": Role.RUNNER}

    verb: str

    def post(self, request: Request, execution_id: UUID) -> Response:
        NothingSerializer(data=request.data).is_valid(raise_exception=True)
        return self.respond(find_execution(self, execution_id))

    def respond(self, run: WorkflowExecution) -> Response:
        with action(by_request(self.request), f"execution.{self.verb}", run) as entry:
            success = self.steer(WorkflowEngine(), run.id)
            if not success:
                entry.refuse()
        return Response({"success": success})

    def steer(self, engine: WorkflowEngine, execution_id: UUID) -> bool:
        """Whether the run's state allowed it."""
        raise NotImplementedError


class SteerByWorkflowView(SteerView):
    """The documented form: the workflow is in the address, the run in the body or the query."""

    def post(self, request: Request, workflow_id: UUID) -> Response:
        find_workflow(self, workflow_id)
        run = find_execution(self, _execution_id(request), workflow_id=workflow_id)
        return self.respond(run)


_documented = partial(
    extend_schema, tags=["executions"], request=NothingSerializer, responses=SuccessSerializer
)
_documented_by_workflow = partial(
    extend_schema,
    tags=["executions"],
    request=ExecutionReferenceSerializer,
    parameters=[
        OpenApiParameter(
            "execution_id", OpenApiTypes.UUID, description="The run; here or in the body."
        )
    ],
    responses=SuccessSerializer,
)


@_documented(summary="Pause a run: steps that run finish, no other starts")
class PauseExecution(SteerView):
    verb = "pause"

    def steer(self, engine: WorkflowEngine, execution_id: UUID) -> bool:
        return engine.pause_workflow(execution_id)


@_documented(summary="Let a paused run go on")
class ResumeExecution(SteerView):
    verb = "resume"

    def steer(self, engine: WorkflowEngine, execution_id: UUID) -> bool:
        return engine.resume_workflow(execution_id)


@_documented(summary="End an open run at once")
class CancelExecution(SteerView):
    verb = "cancel"

    def steer(self, engine: WorkflowEngine, execution_id: UUID) -> bool:
        return engine.cancel_workflow(execution_id)


@_documented(summary="Let a failed run go on with its failed steps")
class RetryExecution(SteerView):
    verb = "retry"

    def steer(self, engine: WorkflowEngine, execution_id: UUID) -> bool:
        return engine.retry_workflow(execution_id)


@_documented_by_workflow(summary="Pause a run of this workflow")
class PauseWorkflow(SteerByWorkflowView, PauseExecution):
    pass


@_documented_by_workflow(summary="Let a paused run of this workflow go on")
class ResumeWorkflow(SteerByWorkflowView, ResumeExecution):
    pass


@_documented_by_workflow(summary="End an open run of this workflow at once")
class CancelWorkflow(SteerByWorkflowView, CancelExecution):
    pass


def _execution_id(request: Request) -> UUID:
    ids: set[UUID] = set()
    for data in (request.query_params.dict(), request.data):
        reference = ExecutionReferenceSerializer(data=data)
        reference.is_valid(raise_exception=True)
        ids.update(reference.validated_data.values())
    if len(ids) != 1:
        message = "is required" if not ids else "differs between body and query"
        raise InvalidInput(f"execution_id {message}.", problems=[Problem("execution_id", message)])
    return ids.pop()
