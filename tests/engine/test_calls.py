"""Steps that call out: URL sources and HTTP, on a real local server, run in this process."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from core.http.secrets import SecretName, SecretText
from core.models import User
from engine import definitions
from engine.context import WorkflowContext
from engine.definition import InvalidDefinition
from engine.models import StepExecution, WorkflowExecution
from engine.registry import executors
from engine.workflows import create_workflow
from tests.support.cast import Cast, work
from tests.support.web import Received, Web, echo, page, raw, redirect
from tests.support.workflows import definition, start, step

pytestmark = pytest.mark.usefixtures("calls_inside")

CSV = b"day,price\n2026-01-02,1.5\n2026-01-03,2\n"


def run(
    document: dict[str, Any], *, user: User, data: dict[str, Any] | None = None
) -> WorkflowExecution:
    return work(start(document, user=user, data=data))


def source(url: str, **config: Any) -> dict[str, Any]:
    return step("read", step_type="DATA_COLLECTION", config={"source": "url", "url": url, **config})


def http(url: str, **config: Any) -> dict[str, Any]:
    return step("call", step_type="HTTP", config={"url": url, **config})


def output(done: WorkflowExecution) -> Any:
    row = StepExecution.objects.get(execution=done)
    assert row.status == "completed", row.error_message
    return row.output_data


def problem(*steps: dict[str, Any]) -> tuple[str, str]:
    """The one problem of a definition."""
    with pytest.raises(InvalidDefinition) as raised:
        definitions.parse(definition(*steps))
    [found] = raised.value.problems
    return found.path, found.message


@pytest.mark.parametrize(
    ("config", "body", "expected"),
    [
        ({"format": "json"}, b'{"a": [1]}', {"data": {"a": [1]}}),
        ({"format": "json", "schema": {"type": "array"}}, b"[1]", {"data": [1]}),
        ({"format": "text"}, "Grüße".encode(), {"text": "Grüße"}),
        (
            {"format": "csv", "columns": {"price": "number", "day": "text"}},
            CSV,
            {
                "rows": [{"price": 1.5, "day": "2026-01-02"}, {"price": 2, "day": "2026-01-03"}],
                "count": 2,
            },
        ),
        (
            {"format": "csv", "columns": {"b": "integer"}, "delimiter": ";"},
            b"a;b\nx;1\n",
            {"rows": [{"b": 1}], "count": 1},
        ),
    ],
)
def test_sources(
    user: User, web: Web, config: dict[str, Any], body: bytes, expected: dict[str, Any]
) -> None:
    web.pages["/data"] = page(body, packed=True)
    assert output(run(definition(source(web.url("/data"), **config)), user=user)) == expected


@pytest.mark.parametrize(
    ("config", "answer", "code"),
    [
        ({"format": "json"}, page(b"{"), "http_bad_answer"),
        ({"format": "json", "schema": {"type": "array"}}, page({}), "invalid_data"),
        ({"format": "text"}, page(b"a\0b"), "invalid_data"),
        ({"format": "text"}, page(b"\xff"), "http_bad_answer"),
        ({"format": "csv", "columns": {"x": "text"}}, page(CSV), "invalid_data"),
        ({"format": "text"}, page(b"gone", status=404), "http_rejected"),
        ({"format": "text"}, page(b"busy", status=503), "http_unavailable"),
        ({"format": "text"}, page(b"x" * 11_000_000, packed=True), "http_answer_too_large"),
        ({"format": "text"}, redirect("http://169.254.169.254/"), "http_address_refused"),
        ({"format": "text"}, raw(b""), "http_bad_answer"),
    ],
)
def test_sources_that_fail(
    user: User, web: Web, config: dict[str, Any], answer: Any, code: str
) -> None:
    web.pages["/"] = answer
    done = run(definition(source(web.url(), **config)), user=user)
    row = StepExecution.objects.get(execution=done)
    assert (row.status, row.error_code) == ("failed", code)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://localhost/", "http://[::ffff:127.0.0.1]/"]
)
def test_the_inside_is_refused_and_never_tried_again(user: User, url: str) -> None:
    call = {**http("${inputs.url}"), "retry": {"max_attempts": 5}}
    done = run(definition(call), user=user, data={"url": url})
    row = StepExecution.objects.get(execution=done)
    assert (row.status, row.attempt) == ("failed", 1)
    assert row.error_code in ("http_address_refused", "http_host_refused")


@pytest.mark.parametrize(
    ("config", "path", "told"),
    [
        ({"url": "http://10.0.0.1/"}, "config.url", "private"),
        ({"url": "https://169.254.169.254/latest/"}, "config.url", "metadata"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "config.url", "IPv4 inside IPv6"),
        ({"url": "http://localhost:80/"}, "config.url", "HTTP_ALLOWED_HOSTS"),
        ({"url": "http://a.localhost/"}, "config.url", "loopback"),
        ({"url": "http://10.0.0.1/${inputs.id}"}, "config.url", "private"),
        ({"url": "http://10.0.0.1?q=${inputs.id}"}, "config.url", "private"),
        ({"url": "https://api.example:8080/"}, "config.url", "HTTP_ALLOWED_HOSTS"),
        ({"url": "https://intranet/"}, "config.url", "HTTP_ALLOWED_HOSTS"),
        *(
            ({"url": "https://api.example/", "headers": headers}, f"config.headers.{name}", told)
            for headers, name, told in (
                ({"X-A": "a\r\nX-B: b"}, "X-A", "not printable ASCII"),
                ({"X-A": "a\nb"}, "X-A", "not printable ASCII"),
                ({"X-A": "ü"}, "X-A", "not printable ASCII"),
                ({"X-A": "a\x7f"}, "X-A", "not printable ASCII"),
                ({"X-A": "${inputs.id}\r\nX-B: ${inputs.id}"}, "X-A", "not printable ASCII"),
                ({"Host": "a"}, "Host", "platform's own"),
            )
        ),
        (
            {"url": "https://api.example/", "headers": {"X-A\r\nX-B": "b"}},
            'config.headers["X-A\\r\\nX-B"]',
            "letters, digits",
        ),
    ],
)
def test_what_the_client_would_refuse_is_refused_when_it_is_given(
    settings: Settings, cast: Cast, config: dict[str, Any], path: str, told: str
) -> None:
    settings.HTTP_ALLOWED_HOSTS, settings.HTTP_ALLOWED_NETWORKS = ["*"], []
    for found in (
        {"step_type": "HTTP", "config": config},
        {"step_type": "DATA_COLLECTION", "config": {"source": "url", "format": "text", **config}},
    ):
        document = definition(step("first"), step("call", **found))
        body = {"definition": document}
        answer = cast.owner.api.post("/api/v1/workflows", body, format="json")
        assert answer.status_code == 400, answer.content
        [problem] = answer.json()["details"]
        assert problem["path"] == f"steps[1].{path}"
        assert told in problem["message"]
        answer = cast.owner.api.post("/api/v1/workflows/validate", body, format="json")
        assert answer.json()["details"] == [problem]


@pytest.mark.parametrize(
    "config",
    [
        {"url": "https://api.example/"},
        {"url": "${inputs.base}/a"},
        {"url": "https://${inputs.host}.example/"},
        {"url": "http://127.0.0.1:${inputs.port}/"},
        {"url": "https://93.184.216.34/"},
        {"url": "https://api.example/", "headers": {"X-A": " ${inputs.id}: b\n"}},
        {"url": "https://api.example/", "headers": {"X-A": 1, "X-B": "${'ü'}"}},
    ],
)
def test_what_only_the_run_can_tell_is_taken(settings: Settings, config: dict[str, Any]) -> None:
    settings.HTTP_ALLOWED_NETWORKS = []
    definitions.parse(definition(step("call", step_type="HTTP", config=config)))


def test_a_network_that_is_opened_and_closed_again(
    user: User, settings: Settings, web: Web
) -> None:
    web.pages["/"] = page(b"x")
    workflow = create_workflow(document=definition(http(web.url())), owner=user)
    settings.HTTP_ALLOWED_NETWORKS = []
    with pytest.raises(InvalidDefinition):
        create_workflow(document=definition(http(web.url())), owner=user)
    definitions.load.cache_clear()
    done = work(start(workflow, user=user))
    row = StepExecution.objects.get(execution=done)
    assert (row.status, row.error_code) == ("failed", "http_address_refused")


def test_filled_in_urls_queries_and_headers(user: User, web: Web) -> None:
    web.pages["/items/a%2Fb%3Fc%23d%20%C3%A9"] = echo
    call = http(
        "${inputs.base}/items/${inputs.id}?fixed=1",
        query={"q": "${inputs.id}", "n": "${inputs.n}", "many": ["x", 2, True]},
        headers={"X-Number": "${inputs.n}", "X-Text": "n=${inputs.n}"},
    )
    data = {"base": web.url("").rstrip("/"), "id": "a/b?c#d é", "n": 5}
    said = output(run(definition(call), user=user, data=data))["body"]
    assert said["path"] == (
        "/items/a%2Fb%3Fc%23d%20%C3%A9?fixed=1&n=5&q=a%2Fb%3Fc%23d+%C3%A9&many=x&many=2&many=true"
    )
    assert (said["headers"]["x-number"], said["headers"]["x-text"]) == ("5", "n=5")


def test_a_value_cannot_become_another_host(user: User, web: Web) -> None:
    call = http(f"http://127.0.0.1:{web.port}${{inputs.path}}")
    done = run(definition(call), user=user, data={"path": "@10.0.0.1/"})
    assert StepExecution.objects.get(execution=done).error_code == "http_url_refused"
    assert web.connections == 0


@pytest.mark.parametrize("value", [".", "..", "..."])
def test_a_value_cannot_climb(user: User, web: Web, value: str) -> None:
    call = http(web.url("/items/${inputs.id}/name"))
    done = run(definition(call), user=user, data={"id": value})
    assert StepExecution.objects.get(execution=done).error_code == "expression_error"
    assert web.connections == 0


@pytest.mark.parametrize(
    ("config", "kind", "sent"),
    [
        ({"json": {"a": "${inputs.n}"}}, "application/json", '{"a": 5}'),
        ({"json": None}, "application/json", "null"),
        ({"form": {"a": "${inputs.n}"}}, "application/x-www-form-urlencoded", "a=5"),
        ({"text": "n=${inputs.n}"}, "text/plain; charset=utf-8", "n=5"),
    ],
)
def test_bodies(user: User, web: Web, config: dict[str, Any], kind: str, sent: str) -> None:
    web.pages["/"] = echo
    call = http(web.url(), method="POST", **config)
    said = output(run(definition(call), user=user, data={"n": 5}))["body"]
    assert (said["headers"]["content-type"], said["body"]) == (kind, sent)


@pytest.mark.parametrize(
    ("config", "answer", "expected"),
    [
        ({}, page({"a": 1}), {"a": 1}),
        ({}, page({"a": 1}, kind="application/problem+json; charset=utf-8"), {"a": 1}),
        ({}, page(b"", kind="application/json", status=204), ""),
        ({}, page(b"<p>", kind="text/html"), "<p>"),
        ({"response": "text"}, page({"a": 1}), '{"a": 1}'),
        ({"response": "json"}, page(b"[1]", kind="text/plain"), [1]),
        ({"response": "none"}, page(b"\xff\xfe", kind="image/png"), None),
        ({"ok_statuses": [404]}, page({"gone": True}, status=404), {"gone": True}),
    ],
)
def test_answers(user: User, web: Web, config: dict[str, Any], answer: Any, expected: Any) -> None:
    web.pages["/"] = answer
    found = output(run(definition(http(web.url(), **config)), user=user))
    assert found["body"] == expected


def test_status_and_headers(user: User, web: Web) -> None:
    web.pages["/"] = page(b"x", status=201, kind="text/plain", ETag="e", Set_Cookie="session=1")
    found = output(run(definition(http(web.url())), user=user))
    assert found["status"] == 201
    assert found["headers"] == {"content-type": "text/plain", "content-length": "1", "etag": "e"}


def test_the_step_s_own_timeout(user: User, web: Web) -> None:
    def slow(received: Received, connection: socket.socket) -> None:
        web.stopped.wait(3)

    web.pages["/"] = slow
    done = run(definition({**http(web.url()), "timeout": 0.3}), user=user)
    row = StepExecution.objects.get(execution=done)
    assert row.error_code in ("http_timeout", "step_timeout")


def test_every_call_carries_its_step_s_key(user: User, web: Web) -> None:
    web.pages["/"] = echo
    document = definition(
        http(web.url(), method="POST"),
        {**http(web.url(), headers={"idempotency-key": "own"}), "id": "own"},
        source(web.url(), format="text"),
    )
    done = run(document, user=user)
    keys = {each.headers["idempotency-key"] for each in web.received}
    assert keys == {f"{done.id}/call/", f"{done.id}/read/", "own"}


def test_a_message_and_a_queue_of_their_own() -> None:
    document = definition(
        http("https://a.example/"),
        source("https://a.example/", format="text"),
        step("form", step_type="DATA_COLLECTION", config={"source": "inputs", "fields": {
            "type": "object"}}),
    )  # fmt: skip
    steps = {each.id: each for each in definitions.parse(document).steps}
    assert [(steps[n].inline, steps[n].queue) for n in ("call", "read", "form")] == [
        (False, "ai"),
        (False, "ai"),
        (True, "default"),
    ]


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"url": "ftp://a.example/"}, "url"),
        ({"url": "http://user:x@a.example/"}, "url"),
        ({"url": "http://127.1/"}, "url"),
        ({"url": ""}, "url"),
        ({"url": 5}, "url"),
        ({"method": "CONNECT"}, "method"),
        ({"headers": {"Host": "b.example"}}, "headers.Host"),
        ({"headers": {"a b": "c"}}, 'headers["a b"]'),
        ({"headers": {"a": None}}, "headers.a"),
        ({"headers": {"a": "${inputs."}}, "headers.a"),
        ({"headers": {"a": "${nothing.x}"}}, "headers.a"),
        ({"headers": {"a": '${"Bearer " + secrets.token}'}}, "headers.a"),
        ({"headers": {"a": "${size(secrets.token)}"}}, "headers.a"),
        ({"headers": {"a": "${secrets}"}}, "headers.a"),
        ({"headers": {"Authorization": "Bearer abcdef"}}, "headers.Authorization"),
        ({"headers": {"x-api-key": "abcdef"}}, "headers.x-api-key"),
        ({"method": "${secrets.token}"}, "method"),
        ({"json": {}}, "json"),
        ({"method": "POST", "json": {}, "text": "x"}, "text"),
        ({"response": "xml"}, "response"),
        ({"ok_statuses": [200]}, "ok_statuses[0]"),
        ({"verify": False}, "verify"),
        ({"proxy": "http://a.example/"}, "proxy"),
    ],
)
def test_configurations_that_are_refused(config: dict[str, Any], path: str) -> None:
    found, message = problem(
        step("a", step_type="HTTP", config={"url": "https://a.example/"} | config)
    )
    assert found in (f"steps[0].config.{path}", "steps[0].config")
    assert "'a'" in message


@pytest.mark.parametrize(
    "config",
    [
        {"url": "https://a.example/"},
        {"url": "ftp://a.example/", "format": "text"},
        {"url": "https://a.example/", "format": "csv"},
        {"url": "https://a.example/", "format": "text", "schema": {}},
        {"url": "https://a.example/", "format": "json", "columns": {"a": "text"}},
        {"url": "https://a.example/", "format": "json", "schema": {"type": "nothing"}},
        {"url": "https://a.example/", "format": "json", "method": "POST"},
        {"url": "https://a.example/", "format": "json", "input": "x"},
    ],
)
def test_sources_that_are_refused(config: dict[str, Any]) -> None:
    path, _ = problem(step("a", step_type="DATA_COLLECTION", config={"source": "url", **config}))
    assert path.startswith("steps[0].config")


def test_secrets_are_places_until_the_door() -> None:
    document = definition(
        http(
            "https://a.example/?k=${secrets.url_key}&x=${inputs.x}",
            method="POST",
            headers={"Authorization": "Bearer ${secrets.token}", "X-Plain": "${inputs.x}"},
            json={"list": ["${secrets.token}", "${inputs.x}"]},
        )
    )
    parsed = definitions.parse(document).steps[0]
    now = datetime.now(UTC)
    context = WorkflowContext(
        user_id="u",
        session_id="s",
        data={"inputs": {"x": "${secrets.stolen}"}, "steps": {}, "run": {}},
        created_at=now,
        updated_at=now,
    )
    config = executors()["HTTP"].resolve(parsed, context)
    assert isinstance(config["url"], SecretText)
    assert SecretName("url_key") in config["url"].parts
    assert config["headers"]["Authorization"].parts == ("Bearer ", SecretName("token"))
    assert type(config["headers"]["X-Plain"]) is str
    assert config["json"]["list"] == ["${secrets.token}", "${secrets.stolen}"]
    assert [type(each) for each in config["json"]["list"]] == [SecretText, str]
    assert "%7Bsecrets.stolen%7D" in config["url"]


def test_other_step_types_know_no_secrets() -> None:
    path, message = problem(step("a", config={"function": "tests.echo", "arguments": {
        "value": "${secrets.token}"}}))  # fmt: skip
    assert path == "steps[0].config.arguments.value"
    assert "secrets" in message
