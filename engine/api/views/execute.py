"""Starting runs."""

from __future__ import annotations

import re
from dataclasses import replace
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from core.api.callers import caller
from core.api.parsers import BoundedJSONParser
from core.api.schema import refusal
from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import InvalidInput, Problem
from core.models import Role
from engine.api import examples, parsers
from engine.api.serializers.executions import ExecuteSerializer, StartedSerializer
from engine.api.views.base import WorkflowView
from engine.errors import IdempotencyKeyReused, InvalidContext
from engine.services import WorkflowEngine

_IDEMPOTENCY_KEY = "Idempotency-Key"
_PRINTABLE = re.compile(r"[ -~]{1,255}")


class ExecuteView(WorkflowView):
    """The runs of a workflow."""

    needs = {"POST": Role.RUNNER}
    parser_classes = [BoundedJSONParser, parsers.ExecuteFormParser]
    max_body_bytes = parsers.EXECUTE_BYTES

    @extend_schema(
        tags=["executions"],
        summary="Start a run of a workflow",
        description="The run goes on in the workers: follow it at the address in `Location`.",
        request={
            "application/json": ExecuteSerializer,
            "multipart/form-data": parsers.FORM_SCHEMA,
        },
        parameters=[
            OpenApiParameter(
                _IDEMPOTENCY_KEY,
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="The same key with the same request gives the same run and no other.",
            )
        ],
        responses={202: StartedSerializer, **refusal(InvalidContext, IdempotencyKeyReused)},
        examples=[examples.EXECUTE, examples.STARTED],
    )
    def post(self, request: Request, workflow_id: UUID) -> Response:
        workflow, user = self.get_object(), caller(self)
        body = ExecuteSerializer(data=request.data, context={"user": user})
        body.is_valid(raise_exception=True)
        given = body.validated_data.get("context", {})
        engine = WorkflowEngine()
        context = engine.context_manager.create_context(
            str(user.pk), given.get("session_id", ""), given.get("data")
        )
        key = _idempotency_key(request)
        with action(by_request(request), "execution.start", workflow=workflow.id) as entry:
            run = engine.execute_workflow(
                workflow,
                replace(context, metadata=given.get("metadata", {})),
                idempotency_key=key,
            )
            entry.on(run, organisation_id=workflow.organisation_id)
        location = reverse("execution", args=[run.id], request=request)
        return Response(StartedSerializer(run).data, status=202, headers={"Location": location})


def _idempotency_key(request: Request) -> str | None:
    key: str | None = request.headers.get(_IDEMPOTENCY_KEY)
    if key is not None and not _PRINTABLE.fullmatch(key):
        message = "has 1 to 255 printable ASCII characters"
        raise InvalidInput(
            f"{_IDEMPOTENCY_KEY} {message}.", problems=[Problem(_IDEMPOTENCY_KEY, message)]
        )
    return key
