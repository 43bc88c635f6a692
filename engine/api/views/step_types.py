"""What a definition can be made of."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.permissions import ForEverybody
from engine import functions, registry
from engine.api.serializers.step_types import StepTypesSerializer


class StepTypeList(APIView):
    """The step types and functions of this installation."""

    permission_classes = [ForEverybody]

    @extend_schema(
        tags=["workflows"],
        summary="List step types and registered functions",
        responses=StepTypesSerializer,
    )
    def get(self, request: Request) -> Response:
        known = {
            "step_types": [kind for _, kind in sorted(registry.executors().items())],
            "functions": [function for _, function in sorted(functions.functions().items())],
        }
        return Response(StepTypesSerializer(known).data)
