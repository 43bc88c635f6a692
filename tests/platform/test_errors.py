"""Every error of every address: one envelope with nothing of the inside in it, and a page only
where a browser asks for one outside the API.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import UUID

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from core.keys.ring import data_keys
from tests.support.keys import LockKeys
from tests.support.serving import serving
from tests.support.world import World

INSIDE = "inside-4711"
# Texts of tracebacks, of Django's own pages, of drivers and of what the tests raise.
TELLTALES = (INSIDE, "Traceback", 'File "', "psycopg", "Exception", "<html", "SELECT ")
JSON = "application/json"
BROWSER = "text/html,*/*;q=0.8"
CAP = 12 * 1024 * 1024


def check(status: int, body: str, expected: int, code: str) -> None:
    assert status == expected, body[:500]
    said = json.loads(body)
    assert said.keys() == {"code", "message", "details"}, said
    assert (said["code"], bool(said["message"])) == (code, True)
    assert all(each.keys() == {"path", "message"} for each in said["details"])
    assert [text for text in TELLTALES if text in body] == []


# Who asks, method, address, body, headers; status and code. {name} stands for an object's id.
Row = tuple[str, str, str, str, dict[str, str], int, str]
UNSUPPORTED = "unsupported_media_type"
WORKFLOW = "/api/v1/workflows/{workflow_id}"
ROWS: list[Row] = [
    ("admin", "POST", "/api/v1/workflows", "{", {}, 400, "invalid_input"),
    ("admin", "GET", "/api/v1/workflows?cursor=x", "", {}, 400, "invalid_input"),
    ("admin", "GET", "/api/v1/%00", "", {}, 400, "invalid_input"),
    ("anonymous", "GET", "/%00", "", {}, 400, "invalid_input"),
    ("anonymous", "GET", "/api/v1/me", "", {}, 401, "not_authenticated"),
    ("anonymous", "POST", f"{WORKFLOW}/execute", "{}", {}, 401, "not_authenticated"),
    ("viewer", "POST", f"{WORKFLOW}/execute", "{}", {}, 403, "role_too_small"),
    ("admin", "GET", f"/api/v1/workflows/{UUID(int=1)}", "", {}, 404, "not_found"),
    ("admin", "GET", "/api/v1/workflows/no-id", "", {}, 404, "not_found"),
    ("admin", "GET", "/api/v1/nothing", "", {}, 404, "not_found"),
    ("anonymous", "GET", "/api/nothing", "", {}, 404, "not_found"),
    ("anonymous", "POST", "/nothing/at/all", "{}", {}, 404, "not_found"),
    ("anonymous", "GET", "/static/nothing.js", "", {}, 404, "not_found"),
    ("admin", "PUT", "/api/v1/me", "{}", {}, 405, "method_not_allowed"),
    ("anonymous", "POST", "/health/live", "", {}, 405, "method_not_allowed"),
    ("anonymous", "POST", "/api/schema", "", {}, 405, "method_not_allowed"),
    ("admin", "GET", "/api/v1/me", "", {"Accept": "application/xml"}, 406, "not_acceptable"),
    ("admin", "DELETE", WORKFLOW, "", {}, 409, "definition_in_use"),
    ("admin", "POST", "/api/v1/workflows", " " * CAP, {}, 413, "too_large"),
    ("admin", "POST", f"{WORKFLOW}/execute", "x", {"Content-Type": "text/x"}, 415, UNSUPPORTED),
    ("anonymous", "POST", "/nothing", "x", {"Content-Encoding": "br"}, 415, UNSUPPORTED),
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("accept", [JSON, BROWSER])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[5]} {row[1]} {row[2][:40]}")
def test_every_status(row: Row, accept: str, world: World) -> None:
    role, method, path, body, headers, status, code = row
    if accept == BROWSER and not path.startswith("/api/"):
        pytest.skip("a browser gets a page there")
    answer: Any = world.clients[role].generic(
        method,
        path.format_map(world.ours),
        body,
        content_type=headers.get("Content-Type", JSON),
        headers={"Accept": accept, **headers},
    )
    check(answer.status_code, answer.content.decode(), status, code)


@pytest.mark.django_db
def test_too_often(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.api.throttles.count", lambda *_, **__: (10**6, 7))
    settings.API_RATE_PER_MINUTE = 1
    answers = [
        world.ask("admin", "GET", "/api/v1/workflows"),
        world.ask("anonymous", "POST", "/api/v1/auth/token", {"username": "x", "password": "y"}),
    ]
    for answer in answers:
        check(answer.status_code, answer.content.decode(), 429, "throttled")
        assert answer["Retry-After"] == "7"


def _raise(error: Exception) -> Callable[..., Any]:
    def raising(*_: Any, **__: Any) -> Any:
        raise error

    return raising


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(RuntimeError(INSIDE), 500, "internal_error"), (OperationalError(INSIDE), 503, "unavailable")],
)
@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("engine.api.views.workflows.WorkflowDetail.get_queryset", WORKFLOW),
        ("drf_spectacular.views.SpectacularAPIView.get", "/api/schema"),
        ("core.api.health._answers", "/health/ready"),
        ("django.core.handlers.base.BaseHandler.resolve_request", "/api/v1/me"),
        ("django.middleware.common.CommonMiddleware.process_request", "/api/v1/me"),
        ("django.contrib.auth.middleware.get_user", "/admin/"),
    ],
)
def test_whatever_breaks(
    place: str,
    path: str,
    error: Exception,
    status: int,
    code: str,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the API and outside it, in views and in what lies before them."""
    monkeypatch.setattr(place, _raise(error))
    client = world.clients["admin"] if path.startswith("/api/v1") else Client()
    client.raise_request_exception = False
    answer: Any = client.get(path.format_map(world.ours), headers={"Accept": JSON})
    check(answer.status_code, answer.content.decode(), status, code)
    assert (status == 503) == ("Retry-After" in answer.headers)
    page: Any = client.get(path.format_map(world.ours), headers={"Accept": BROWSER})
    assert page.status_code == status
    assert [text for text in TELLTALES[:4] if text in page.content.decode()] == []


def test_without_the_key(world: World, lock_keys: LockKeys) -> None:
    """What reads payloads answers 503, whatever else works."""
    unlock = lock_keys()
    data_keys.forget()
    try:
        answer = world.ask("admin", "GET", f"/api/v1/executions/{world.ours['execution_id']}")
    finally:
        unlock()
        data_keys.forget()
    check(answer.status_code, answer.content.decode(), 503, "key_unavailable")
    assert answer["Retry-After"]


def ask(port: int, method: str, path: str, **headers: str) -> tuple[int, str, Message]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        method=method,
        data=b"{}" if method == "POST" else None,
        headers={"Content-Type": JSON, **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, answer.read().decode(), answer.headers
    except HTTPError as error:
        return error.code, error.read().decode(), error.headers


def test_without_a_database(tmp_path: Path) -> None:
    """The real web server while PostgreSQL is away: 503 wherever a row is needed."""
    signed = {"Authorization": "Token " + "0" * 64}
    session = {"Cookie": "sessionid=" + "0" * 32}
    with serving(tmp_path, DB_HOST=str(tmp_path), DB_POOL_SIZE="0") as server:
        for method, path, headers in (
            ("GET", "/api/v1/me", signed),
            ("GET", "/api/v1/me", session),
            ("GET", f"/api/v1/workflows/{UUID(int=1)}", session | {"Accept": BROWSER}),
            ("POST", "/api/v1/workflows", signed),
            ("GET", "/admin/", session),
        ):
            status, body, answered = ask(server.port, method, path, **headers)
            check(status, body, 503, "unavailable")
            assert answered["Retry-After"] == "5"
        status, body, _ = ask(server.port, "GET", "/admin/", **session, Accept=BROWSER)
        assert (status, "does not answer" in body) == (503, True)
        assert [text for text in TELLTALES if text in body] == []
        status, body, _ = ask(server.port, "GET", "/api/nothing", **session)
        check(status, body, 404, "not_found")
        assert ask(server.port, "GET", "/health/live")[0] == 200
        assert ask(server.port, "GET", "/health/ready")[0] == 503
