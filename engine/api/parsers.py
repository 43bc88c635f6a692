"""The body of `execute`: JSON, or a form whose files become inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from rest_framework.parsers import MultiPartParser

from core.errors import InvalidInput, Problem, TooLarge
from core.json import JsonObject, parse_json

EXECUTE_BYTES = 12 * 1024 * 1024
FILE_BYTES = 10 * 1024 * 1024
if TYPE_CHECKING:
    _Files = MultiValueDict[str, UploadedFile[bytes]]  # generic for the type checker only

FORM_SCHEMA: JsonObject = {
    "type": "object",
    "description": "Every file becomes a text of the inputs, under the name of its part.",
    "properties": {"context": {"type": "string", "description": "The context object as JSON."}},
    "additionalProperties": {"type": "string", "format": "binary"},
}


class ExecuteFormParser(MultiPartParser):
    """Gives the JSON value that says the same as the form.

    Its part `context` is that object's JSON. Every file becomes a text of `context.data`, under
    the name of its part. A form that announces more than the cap is refused before it is read.
    """

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        request = (parser_context or {})["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > EXECUTE_BYTES:
            raise TooLarge(f"The body is larger than {EXECUTE_BYTES} bytes.")
        form = super().parse(stream, media_type, parser_context)
        return _from_form(form.data, form.files)


def _from_form(fields: QueryDict, files: _Files) -> JsonObject:
    texts, documents = _parts(fields, files)
    context: Any = {}
    for raw in documents:
        context = parse_json(raw, max_bytes=EXECUTE_BYTES)
    data = context.get("data", {}) if isinstance(context, dict) else None
    if not isinstance(data, dict):
        return {"context": context}  # which the serializer refuses
    if problems := [Problem(name, "is in `context.data` too") for name in texts if name in data]:
        raise InvalidInput(problems=problems)
    return {"context": {**context, "data": {**data, **texts}}}


def _parts(fields: QueryDict, files: _Files) -> tuple[dict[str, str], list[bytes]]:
    """The files as texts by name, and what was sent as `context`."""
    parts: list[tuple[str, Any]] = [
        (name, part) for found in (fields, files) for name, many in found.lists() for part in many
    ]
    texts: dict[str, str] = {}
    documents: list[bytes] = []
    problems: list[Problem] = []
    for name, part in parts:
        if name in texts or (name == "context" and documents):
            problems.append(Problem(name, "is sent more than once"))
        elif name == "context":
            documents.append(part.encode() if isinstance(part, str) else part.read())
        elif isinstance(part, str):
            problems.append(Problem(name, "is not a file; other values belong into `context`"))
        else:
            texts[name], fault = _text(part)
            problems += [Problem(name, fault)] if fault else []
    if problems:
        raise InvalidInput(problems=problems)
    return texts, documents


def _text(file: UploadedFile[bytes]) -> tuple[str, str | None]:
    """The file's text, and what is wrong with it."""
    raw = file.read()
    if len(raw) > FILE_BYTES:
        raise TooLarge(f"The file is larger than {FILE_BYTES} bytes.")
    try:
        text = raw.decode("utf-8-sig")  # spreadsheets put a byte order mark in front
    except UnicodeDecodeError as error:
        return "", f"is not text in UTF-8 (byte {error.start})"
    return text, "is not text: it holds NUL" if "\0" in text else None
