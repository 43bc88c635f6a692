"""Runs, their steps and their history."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.callers import caller
from core.api.schema import refusal
from core.audit.actors import by_request
from core.audit.recording import action, record_reading
from core.models import Role
from engine import diagnosis, received, selectors
from engine.api import examples, payloads
from engine.api.filters import EventFilter, ExecutionFilter, StepFilter
from engine.api.serializers.executions import (
    AnswerSerializer,
    ExecutionDetailSerializer,
    ExecutionEventSerializer,
    ExecutionSerializer,
    ListedStepSerializer,
    ReasonsSerializer,
    StepExecutionSerializer,
)
from engine.api.views.base import ExecutionView, find_execution
from engine.errors import NotWaiting, QuestionChanged, UnknownStep
from engine.models import ExecutionEvent, StepExecution, WorkflowExecution
from engine.services import WorkflowEngine

STEP_PAYLOADS = ("input_data", "output_data", "error_message", "waiting_data")


def tell_reading(
    view: APIView, run: WorkflowExecution, target: WorkflowExecution | StepExecution, *fields: str
) -> None:
    """Tells the audit log that the caller reads somebody else's payload, decrypted."""
    if run.user_id != view.request.user.pk:
        record_reading(by_request(view.request), target, fields=fields)


@extend_schema(tags=["executions"], summary="List runs, the newest first")
class ExecutionList(ExecutionView, ListAPIView[WorkflowExecution]):
    """The runs of the workflows that you may see."""

    serializer_class = ExecutionSerializer
    filterset_class = ExecutionFilter


@extend_schema(tags=["executions"], summary="Show a run with its context and results")
class ExecutionDetail(ExecutionView, RetrieveAPIView[WorkflowExecution]):
    """One run, decrypted."""

    serializer_class = ExecutionDetailSerializer
    deferred = ("workflow__definition", "definition_version__definition")

    def get_object(self) -> WorkflowExecution:
        run = super().get_object()
        tell_reading(self, run, run, "context", "results", "error_message")
        return run


class WaitingView(APIView):
    """What keeps the run where it is: a person, a delay, a queue, a worker, a server."""

    @extend_schema(
        tags=["executions"],
        summary="Tell why a run does not move",
        responses=ReasonsSerializer,
    )
    def get(self, request: Request, execution_id: UUID) -> Response:
        run = find_execution(self, execution_id)
        found = {
            "execution_id": run.id,
            "status": run.status,
            "reasons": diagnosis.reasons(run),
        }
        return Response(ReasonsSerializer(found).data)


@extend_schema(tags=["executions"], summary="List a run's steps in the definition's order")
class StepList(ListAPIView[StepExecution]):
    """Steps with what they received and gave, decrypted."""

    queryset = StepExecution.objects.none()
    serializer_class = ListedStepSerializer
    filterset_class = StepFilter
    keyset = ("position", "scope")

    def get_queryset(self) -> QuerySet[StepExecution]:
        tell_reading(self, self.run, self.run, *STEP_PAYLOADS)
        return payloads.only_small(StepExecution.objects.filter(execution=self.run))

    def paginate_queryset(self, queryset: Any) -> list[Any] | None:
        page = super().paginate_queryset(queryset)
        return None if page is None else payloads.fill_in(self.run, page)

    @cached_property
    def run(self) -> WorkflowExecution:
        return find_execution(self, self.kwargs["execution_id"])


class StepDetail(APIView):
    """One step of a run, decrypted, however large."""

    @extend_schema(
        tags=["executions"],
        summary="Show one step of a run",
        responses={200: StepExecutionSerializer, **refusal(UnknownStep)},
    )
    def get(self, request: Request, execution_id: UUID, step_id: str) -> Response:
        run = find_execution(self, execution_id)
        step = selectors.step(run.id, step_id)
        tell_reading(self, run, step, *STEP_PAYLOADS)
        received.fill_in(run, [step])
        return Response(StepExecutionSerializer(step).data)


class AnswerView(APIView):
    """What somebody says where a run waits for a person."""

    needs = {"POST": Role.RUNNER}

    @extend_schema(
        tags=["executions"],
        summary="Answer a step that waits for a person",
        request=AnswerSerializer,
        responses={
            200: StepExecutionSerializer,
            **refusal(UnknownStep, NotWaiting, QuestionChanged),
        },
        examples=[examples.ANSWER],
    )
    def post(self, request: Request, execution_id: UUID, step_id: str) -> Response:
        run = find_execution(self, execution_id)
        body = AnswerSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with action(by_request(request), "step.answer", run, step=step_id) as entry:
            told = WorkflowEngine().answer_step(
                run.id, step_id, **body.validated_data, user=caller(self)
            )
            entry.tell(**told)
        step = selectors.step(run.id, step_id)
        tell_reading(self, run, step, *STEP_PAYLOADS)
        return Response(StepExecutionSerializer(step).data)


@extend_schema(tags=["executions"], summary="List a run's history, the oldest first")
class EventList(ListAPIView[ExecutionEvent]):
    """What happened to a run and its steps. Holds no payload."""

    queryset = ExecutionEvent.objects.none()
    serializer_class = ExecutionEventSerializer
    filterset_class = EventFilter
    keyset = ("id",)

    def get_queryset(self) -> QuerySet[ExecutionEvent]:
        run = find_execution(self, self.kwargs["execution_id"])
        return ExecutionEvent.objects.filter(execution=run)
