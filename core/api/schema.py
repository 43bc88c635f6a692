"""The API's description: every operation tells its errors, in the one shape that they all have."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from drf_spectacular.utils import Direction, OpenApiExample, OpenApiResponse
from rest_framework import serializers

from core.api.serializers import StrictFields
from core.errors import PlatformError
from core.names import FILLED_LINE, one_line


class ProblemDetail(serializers.Serializer[Any]):
    """One fault of the request, and where."""

    path = serializers.CharField(
        help_text="Where, as in `steps[3].config.rules[0].when`; empty for the whole."
    )
    message = serializers.CharField()


class ErrorEnvelope(serializers.Serializer[Any]):
    """What every error answers."""

    code = serializers.CharField(help_text="Stable name of the error, for programs.")
    message = serializers.CharField(help_text="What is wrong, for people.")
    details = ProblemDetail(many=True)


def refusal(*errors: type[PlatformError]) -> dict[int, OpenApiResponse]:
    """Documents these errors of an operation, with their codes and default messages."""
    by_status: dict[int, list[type[PlatformError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {
        status: OpenApiResponse(
            ErrorEnvelope,
            description=" Or: ".join(f"`{e.code}`: {e.default_message()}" for e in group),
            examples=[
                OpenApiExample(
                    error.code,
                    value={
                        "code": error.code,
                        "message": error.default_message(),
                        "details": [],
                    },
                    status_codes=[str(status)],
                )
                for error in group
            ],
        )
        for status, group in by_status.items()
    }


class ErrorsSchema(AutoSchema):
    """Adds the errors that follow from an operation's form where its view documents no other.

    400 where it reads a body or a query, 401 where it asks who calls, 403 where it changes
    something, 404 where the path or the query names an object, 413 and 415 where it reads a body,
    429 where it counts attempts.
    """

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        responses = operation["responses"]
        for status in sorted(self._usual_errors(operation)):
            responses.setdefault(str(status.value), self._error(status))
        operation["responses"] = dict(sorted(responses.items()))
        return operation

    def _map_basic_serializer(self, serializer: Any, direction: Direction) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        made = force_instance(serializer)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(made, StrictFields):
            schema["additionalProperties"] = False
        return schema

    def _map_serializer_field(
        self, field: Any, direction: Direction, bypass_extensions: bool = False
    ) -> dict[str, Any]:
        schema: dict[str, Any] = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        # Blanks round a text are cut off, and nothing may be left of some.
        if (
            direction == "request"
            and isinstance(field, serializers.CharField)
            and field.trim_whitespace
            and not field.allow_blank
            and not {"pattern", "format", "enum", "$ref"} & schema.keys()
        ):
            schema["pattern"] = FILLED_LINE if one_line in field.validators else r"\S"
        return schema

    def _usual_errors(self, operation: Mapping[str, Any]) -> set[HTTPStatus]:
        places = {parameter["in"] for parameter in operation.get("parameters", ())}
        found: set[HTTPStatus] = set()
        if self.method in {"POST", "PUT", "PATCH"}:
            found |= {
                HTTPStatus.BAD_REQUEST,
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            }
        if places & {"query", "header"}:
            found.add(HTTPStatus.BAD_REQUEST)
        if "path" in places or _names_an_object(operation):
            found.add(HTTPStatus.NOT_FOUND)
        if self.view.get_throttles():
            found.add(HTTPStatus.TOO_MANY_REQUESTS)
        if "security" in operation:
            found.add(HTTPStatus.UNAUTHORIZED)
            if self.method != "GET":
                found.add(HTTPStatus.FORBIDDEN)
        return found

    def _error(self, status: HTTPStatus) -> dict[str, Any]:
        component = self.resolve_serializer(ErrorEnvelope, "response")
        return {
            "description": status.phrase,
            "content": {"application/json": {"schema": component.ref}},
        }


def _names_an_object(operation: Mapping[str, Any]) -> bool:
    parameters = operation.get("parameters", ())
    return any(parameter["schema"].get("format") == "uuid" for parameter in parameters)
