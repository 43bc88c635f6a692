"""What AI costs, how long it takes and how often it works."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ai import analytics
from ai.api import examples
from ai.api.serializers import AIAnalyticsQuerySerializer, AIAnalyticsSerializer
from analytics.periods import InvalidPeriod
from analytics.selectors import workflow_for
from core.api.callers import caller
from core.api.permissions import ForEverybody
from core.api.schema import refusal


class AIAnalyticsView(APIView):
    """Figures of the AI calls that the caller may see."""

    permission_classes = [ForEverybody]

    @extend_schema(
        tags=["ai"],
        summary="Show cost, response time, success and tokens of AI calls",
        description="Of calls for workflows that you may see, and of your own. Every call counts, "
        "also retries. What is not known is counted as unknown, never as 0.",
        parameters=[AIAnalyticsQuerySerializer],
        responses={200: AIAnalyticsSerializer, **refusal(InvalidPeriod)},
        examples=[examples.ANALYTICS],
    )
    def get(self, request: Request) -> Response:
        query = AIAnalyticsQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        user = caller(self)
        calls = analytics.calls_for(user)
        if "workflow" in query.validated_data:
            calls = calls.filter(workflow=workflow_for(user, query.validated_data["workflow"]))
        found = analytics.get_ai_analytics(calls, period=query.period())
        return Response(AIAnalyticsSerializer(found).data)
