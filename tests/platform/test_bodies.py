"""Whatever is sent to an operation that reads a body: a clear 4xx in the envelope, and nothing
stored.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from core.audit.models import AuditEntry
from tests.platform.audit.test_api import CALLS, DOCUMENT, PURE, World
from tests.support.cast import Cast

JSON = "application/json"
DEEP = 100_000
GZIP = gzip.compress(b"{}")
# Body, content type, headers -> status and code.
Bad = tuple[bytes, str, dict[str, str], int, str]
BODIES: dict[str, Bad] = {
    "truncated": (b'{"a": 1', JSON, {}, 400, "invalid_input"),
    "not JSON": (b"name=x", JSON, {}, 400, "invalid_input"),
    "two documents": (b"{} {}", JSON, {}, 400, "invalid_input"),
    "duplicate key": (b'{"a": 1, "a": 1}', JSON, {}, 400, "invalid_input"),
    "duplicate key inside": (b'{"a": [{"b": 1, "b": 2}]}', JSON, {}, 400, "invalid_input"),
    "NUL": (b'{"a": "\\u0000"}', JSON, {}, 400, "invalid_input"),
    "NUL in a key": (b'{"\\u0000": 1}', JSON, {}, 400, "invalid_input"),
    "raw NUL": (b'{"a": "\x00"}', JSON, {}, 400, "invalid_input"),
    "lone surrogate": (b'{"a": "\\ud800"}', JSON, {}, 400, "invalid_input"),
    "encoded surrogate": (b'{"a": "\xed\xa0\x80"}', JSON, {}, 400, "invalid_input"),
    "deep": (b"[" * DEEP + b"]" * DEEP, JSON, {}, 400, "invalid_input"),
    "deep objects": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, JSON, {}, 400, "invalid_input"),
    "beyond the depth": (b"[" * 65 + b"]" * 65, JSON, {}, 400, "invalid_input"),
    "2^53 + 1": (b'{"a": 9007199254740993}', JSON, {}, 400, "invalid_input"),
    "long integer": (b'{"a": ' + b"9" * 10_000 + b"}", JSON, {}, 400, "invalid_input"),
    "NaN": (b'{"a": NaN}', JSON, {}, 400, "invalid_input"),
    "Infinity": (b'{"a": -Infinity}', JSON, {}, 400, "invalid_input"),
    "1e999": (b'{"a": 1e999}', JSON, {}, 400, "invalid_input"),
    "byte order mark": (b"\xef\xbb\xbf{}", JSON, {}, 400, "invalid_input"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), JSON, {}, 400, "invalid_input"),
    "latin-1": ('{"a": "ä"}'.encode("latin-1"), JSON, {}, 400, "invalid_input"),
    "charset latin-1": (b"{}", f"{JSON}; charset=latin-1", {}, 415, "unsupported_media_type"),
    "charset utf-7": (b"{}", f"{JSON}; charset=utf-7", {}, 415, "unsupported_media_type"),
    "odd charset": (b"{}", f"{JSON}; charset=unicode_escape", {}, 415, "unsupported_media_type"),
    "no charset": (b"{}", f"{JSON}; charset=x", {}, 415, "unsupported_media_type"),
    "gzip": (GZIP, JSON, {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
    "called gzip": (b"{}", JSON, {"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
    "gzip unannounced": (GZIP, JSON, {}, 400, "invalid_input"),
    "text": (b"{}", "text/plain", {}, 415, "unsupported_media_type"),
    "XML": (b"<a/>", "application/xml", {}, 415, "unsupported_media_type"),
    "form": (b"a=1", "application/x-www-form-urlencoded", {}, 415, "unsupported_media_type"),
    "no type": (b"{}", "", {}, 415, "unsupported_media_type"),
    "odd type": (b"{}", "application", {}, 415, "unsupported_media_type"),
    "array": (b"[]", JSON, {}, 400, "invalid_input"),
    "text as JSON": (b'"x"', JSON, {}, 400, "invalid_input"),
    "number": (b"1", JSON, {}, 400, "invalid_input"),
    "null": (b"null", JSON, {}, 400, "invalid_input"),
    "unknown field": (b'{"surprise": 1}', JSON, {}, 400, "invalid_input"),
}  # fmt: skip


def operations() -> Iterator[tuple[str, str]]:
    """Operations with a body, and the address with ids for which the world has none."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            if "requestBody" in operation:
                yield method.upper(), path.removeprefix("/api/v1")


class Recorder:
    """Takes the place of the client, to learn the address of a call that would be good."""

    def __init__(self) -> None:
        self.path = ""
        self.parameters: dict[str, Any] = {}

    def generic(self, method: str, path: str, *_: Any, **__: Any) -> None:
        self.path = path

    def credentials(self, **_: Any) -> None:
        pass


def address(world: World, method: str, path: str) -> str:
    """The address of an operation, with the ids of objects that the caller may change."""
    operation = f"{method} {path}"
    if operation in PURE:
        return f"/api/v1{path}"
    api, recorder = world.api, Recorder()
    world.api = recorder  # type: ignore[assignment]
    try:
        CALLS[operation][1](world)
    finally:
        world.api = api
    return recorder.path


def counts() -> dict[str, int]:
    """How many rows each of the platform's tables has."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        union = " UNION ALL ".join(f"SELECT '{t}', count(*) FROM \"{t}\"" for t in tables)  # noqa: S608
        cursor.execute(union)
        return dict(cursor.fetchall())


@pytest.mark.parametrize(("method", "path"), list(operations()))
def test_bad_bodies(method: str, path: str, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody counts: there are more bodies here than attempts to sign in.
    monkeypatch.setattr("core.api.throttles.count", lambda *_, **__: (1, 0))
    world = World(cast)
    where = address(world, method, path)
    before = counts()
    wrong = []
    for name, (body, content_type, headers, status, code) in BODIES.items():
        response: Any = world.api.generic(
            method,
            where,
            body,  # type: ignore[arg-type] # takes bytes too
            content_type=content_type,
            headers=headers,
        )
        answer = response.json() if response.content else {}
        expected = (status, code, {"code", "message", "details"})
        if (response.status_code, answer.get("code"), set(answer)) != expected:
            wrong.append(f"{name}: {response.status_code} {response.content[:200]!r}")
    assert wrong == []
    assert counts() == before
    assert not AuditEntry.objects.filter(outcome="failed").exists()
