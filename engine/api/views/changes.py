"""What differs between two versions of a workflow."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.api.schema import refusal
from core.errors import InvalidInput, NotFound, Problem
from engine import semantic_diff
from engine.api.serializers.changes import AgainstSerializer, VersionDiffSerializer
from engine.api.views.base import find_workflow
from engine.models import Workflow, WorkflowVersion

_EXAMPLE = OpenApiExample(
    "A draft that lets two steps run side by side",
    value={
        "against": 3,
        "number": 4,
        "is_draft": True,
        "changes": [
            {
                "kind": "dependency_removed",
                "step": "history",
                "path": "dependencies",
                "before": "prices",
                "after": None,
                "sentence": "Step 'history' no longer waits for 'prices'.",
            }
        ],
    },
    response_only=True,
    status_codes=["200"],
)


class VersionDiffView(APIView):
    """The changes from one version to another, as people would say them."""

    @extend_schema(
        tags=["workflows"],
        summary="Tell what a version of a workflow changes",
        description="From the version `against` to this one, whichever came first. The order of "
        "steps and keys carries no meaning, and a step that only has another id is renamed.",
        parameters=[AgainstSerializer],
        responses={200: VersionDiffSerializer, **refusal(InvalidInput, NotFound)},
        examples=[_EXAMPLE],
    )
    def get(self, request: Request, workflow_id: UUID, number: int) -> Response:
        query = AgainstSerializer(data=_numbers(request))
        query.is_valid(raise_exception=True)
        workflow = find_workflow(self, workflow_id)
        after = find_version(workflow, number, "number")
        against = query.validated_data.get("against")
        if against is None:
            against = Workflow.objects.values_list("latest", flat=True).get(id=workflow.id)
        before = find_version(workflow, against, "against")
        changes = semantic_diff.diff(before.definition, after.definition)
        found = {
            "against": before.number,
            "number": after.number,
            "is_draft": after.is_draft,
            "changes": changes,
        }
        return Response(VersionDiffSerializer(found).data)


def _numbers(request: Request) -> dict[str, object]:
    """The query, with the numbers that are written as such."""
    query = request.query_params.dict()
    return {
        name: int(value) if value.isascii() and value.isdigit() and len(value) < 20 else value
        for name, value in query.items()
    }


def find_version(workflow: Workflow, number: int, path: str) -> WorkflowVersion:
    """The workflow's version of this number. Raises NotFound, which names `path`."""
    found = WorkflowVersion.objects.filter(workflow=workflow, number=number).first()
    if found is None:
        message = "The workflow has no such version."
        raise NotFound(message, problems=[Problem(path, message)])
    return found
