"""The request bodies that the API reads: JSON, through the boundary parser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.utils.http import parse_header_parameters
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from core.errors import TooLarge
from core.json import DEFAULT_MAX_BYTES, parse_json


class BoundedJSONParser(BaseParser):
    """Parses JSON within the boundary's caps.

    A view that takes larger bodies than 1 MB says so by its attribute (or property)
    `max_body_bytes`. A body that announces more is refused before it is read.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        context = parser_context or {}
        cap: int = getattr(context.get("view"), "max_body_bytes", DEFAULT_MAX_BYTES)
        charset = parse_header_parameters(media_type or "")[1].get("charset", "utf-8")
        if charset.lower() not in {"utf-8", "utf8", "us-ascii"}:
            raise UnsupportedMediaType(media_type or "", "JSON is sent in UTF-8.")
        if _announced(context.get("request")) > cap:
            raise TooLarge(f"The body is larger than {cap} bytes.")
        return parse_json(stream.read(cap + 1), max_bytes=cap)


def _announced(request: Any) -> int:
    length = "" if request is None else request.META.get("CONTENT_LENGTH") or ""
    return int(length) if length.isdecimal() else 0
