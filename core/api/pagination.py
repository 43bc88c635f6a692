"""Pages by key: stable while rows are added, and as fast at the millionth row as at the first."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan, TupleLessThan
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from core.errors import InvalidInput, Problem
from core.json import parse_json

MAX_CURSOR_BYTES = 1000
_WHOLE = re.compile("[0-9]{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    backwards: bool
    values: Sequence[Any]


class KeysetPagination(BasePagination):
    """``{"next", "previous", "results"}`` in the order of the view's `keyset`.

    `keyset` names columns without NULLs, all ascending or all descending, the last one unique;
    an index over them serves every page. Query: `cursor` (from a link) and `page_size` (1-200).
    """

    keyset: Sequence[str] = ("-created_at", "-id")
    max_page_size = 200

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        keyset: Sequence[str] = getattr(view, "keyset", self.keyset)
        self.names = [name.removeprefix("-") for name in keyset]
        self.url = request.build_absolute_uri()
        descending = keyset[0].startswith("-")
        size = self._page_size(request)
        cursor = self._read_cursor(request, queryset)
        backwards = cursor is not None and cursor.backwards
        falling = descending != backwards
        if cursor is not None:
            beyond = TupleLessThan if falling else TupleGreaterThan
            queryset = queryset.filter(beyond(Tuple(*self.names), tuple(cursor.values)))
        queryset = queryset.order_by(*(f"-{name}" if falling else name for name in self.names))
        # One row more tells whether there is a further page.
        rows = list(queryset[: size + 1])
        more = len(rows) > size
        self.page = rows[:size][::-1] if backwards else rows[:size]
        self.has_next = backwards or more
        self.has_previous = more if backwards else cursor is not None
        return self.page

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "next": self._link(backwards=False) if self.has_next else None,
                "previous": self._link(backwards=True) if self.has_previous else None,
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where the page starts: taken from a `next` or `previous` link.",
                "schema": {"type": "string", "minLength": 1},
            },
            {
                "name": "page_size",
                "in": "query",
                "required": False,
                "description": "Number of results a page.",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": api_settings.PAGE_SIZE,
                },
            },
        ]

    def _page_size(self, request: Request) -> int:
        text = request.query_params.get("page_size")
        if text is None:
            return api_settings.PAGE_SIZE or self.max_page_size
        number = int(text) if _WHOLE.fullmatch(text) else 0
        if not 1 <= number <= self.max_page_size:
            raise _refused("page_size", f"must be a whole number from 1 to {self.max_page_size}")
        return number

    def _read_cursor(self, request: Request, queryset: QuerySet[Any]) -> _Cursor | None:
        text = request.query_params.get("cursor")
        if text is None:
            return None
        try:
            direction, *texts = parse_json(
                urlsafe_b64decode(text.encode("ascii")), max_bytes=MAX_CURSOR_BYTES
            )
            if direction not in ("next", "previous"):
                raise ValueError(direction)
            fields = [queryset.model._meta.get_field(name) for name in self.names]
            values = [
                _in_utc(field.to_python(value)) for field, value in zip(fields, texts, strict=True)
            ]
            if None in values:
                raise ValueError(values)
        except (ValueError, TypeError, OverflowError, ValidationError, InvalidInput):
            raise _refused("cursor", "is not a cursor of this list") from None
        return _Cursor(backwards=direction == "previous", values=values)

    def _link(self, *, backwards: bool) -> str | None:
        if not self.page:
            return None
        row = self.page[0 if backwards else -1]
        values = [_text(row, name) for name in self.names]
        cursor = json.dumps(["previous" if backwards else "next", *values], separators=(",", ":"))
        return replace_query_param(self.url, "cursor", urlsafe_b64encode(cursor.encode()).decode())


def _in_utc(value: Any) -> Any:
    # PostgreSQL refuses offsets that Python takes; year 1 or 9999 may overflow on the way.
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _text(row: Any, name: str) -> str:
    value = row[name] if isinstance(row, Mapping) else getattr(row, name)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _refused(parameter: str, message: str) -> InvalidInput:
    return InvalidInput(f"{parameter} {message}.", problems=[Problem(parameter, message)])
