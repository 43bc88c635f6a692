"""Analytics, trends and feedback."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import selectors, services
from analytics.api.serializers import (
    FeedbackSerializer,
    PeriodQuerySerializer,
    StoredFeedbackSerializer,
    TrendsQuerySerializer,
    TrendsSerializer,
    WorkflowAnalyticsSerializer,
)
from analytics.errors import NotEnded
from analytics.periods import InvalidPeriod
from core.api.callers import caller
from core.api.schema import refusal
from core.audit.actors import by_request
from core.audit.recording import action
from core.models import Role
from engine.api.views.base import find_workflow


class WorkflowAnalyticsView(APIView):
    """How the runs of a workflow went: those that the caller may see."""

    @extend_schema(
        tags=["analytics"],
        summary="Show how a workflow's runs went",
        parameters=[PeriodQuerySerializer],
        responses={200: WorkflowAnalyticsSerializer, **refusal(InvalidPeriod)},
    )
    def get(self, request: Request, workflow_id: UUID) -> Response:
        query = PeriodQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = selectors.workflow_analytics(
            user=caller(self), workflow_id=workflow_id, period=query.period()
        )
        return Response(WorkflowAnalyticsSerializer(found).data)


class TrendsView(APIView):
    """Use over time: the runs that the caller may see."""

    @extend_schema(
        tags=["analytics"],
        summary="Show the use of workflows over time",
        parameters=[TrendsQuerySerializer],
        responses={200: TrendsSerializer, **refusal(InvalidPeriod)},
    )
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        query = TrendsQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = selectors.trends(
            user=caller(self),
            category=query.validated_data.get("category"),
            period=query.period(),
        )
        return Response(TrendsSerializer(found).data)


class FeedbackView(APIView):
    """What the caller thinks of a run."""

    needs = {"POST": Role.RUNNER}

    @extend_schema(
        tags=["analytics"],
        summary="Rate a run of a workflow",
        description="A second feedback on the same run replaces the first, and answers 200.",
        request=FeedbackSerializer,
        responses={
            200: StoredFeedbackSerializer,
            201: StoredFeedbackSerializer,
            **refusal(NotEnded),
        },
    )
    def post(self, request: Request, workflow_id: UUID) -> Response:
        find_workflow(self, workflow_id)
        body = FeedbackSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with action(by_request(request), "feedback.submit") as entry:
            row, created = services.submit_feedback(
                user=caller(self), workflow_id=workflow_id, **body.validated_data
            )
            entry.on(row)
            entry.tell(execution=row.execution_id, rating=row.rating, created=created)
        return Response(StoredFeedbackSerializer(row).data, status=201 if created else 200)
