from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from rest_framework.test import APIClient

from engine.models import StepExecution, WorkflowExecution
from tests.support.cast import Cast, work
from tests.support.workflows import definition, step

MB = 1024 * 1024
CSV = definition(
    {
        "id": "rows",
        "name": "Rows",
        "step_type": "DATA_COLLECTION",
        "config": {"source": "csv", "input": "prices", "columns": {"a": "text", "b": "number"}},
    }
)


def address(cast: Cast) -> str:
    return f"/api/v1/workflows/{cast.shared.id}/execute"


def test_accepted(cast: Cast) -> None:
    user = cast.team_mate.user
    context = {
        "user_id": str(user.id),
        "session_id": "s1",
        "data": {"amount": 3},
        "metadata": {"source": "test"},
        "created_at": "2020-01-01T00:00:00Z",
        "updated_at": "2020-01-01T00:00:00Z",
    }
    response = cast.team_mate.api.post(address(cast), {"context": context}, format="json")
    assert response.status_code == 202
    run = WorkflowExecution.objects.get()
    assert response.json() == {
        "execution_id": str(run.id),
        "workflow_id": str(cast.shared.id),
        "status": "running",
        "session_id": "s1",
    }
    assert response["Location"] == f"http://testserver/api/v1/executions/{run.id}"
    assert (run.user, run.session_id, run.status) == (user, "s1", "running")
    assert run.context["data"] == {"amount": 3}
    assert run.context["metadata"] == {"source": "test"}
    assert not run.context["created_at"].startswith("2020")
    steps = StepExecution.objects.filter(execution=run).values_list("step_id", "status")
    assert list(steps) == [("first", "ready"), ("ask", "pending"), ("last", "pending")]
    cast.shared.refresh_from_db()
    assert cast.shared.usage_count == 1


@pytest.mark.parametrize("body", [None, {}, {"context": {}}, {"context": {"data": {}}}])
def test_everything_may_be_absent(cast: Cast, body: Any) -> None:
    response = cast.owner.api.post(address(cast), body, format="json")
    assert response.status_code == 202
    assert WorkflowExecution.objects.get().context["data"] == {}


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"inputs": {}}, "inputs", "invalid_input"),
        ({"context": []}, "context", "invalid_input"),
        ({"context": {"data": []}}, "context.data", "invalid_input"),
        ({"context": {"metadata": 1}}, "context.metadata", "invalid_input"),
        ({"context": {"colour": 1}}, "context.colour", "invalid_input"),
        ({"context": {"session_id": "x" * 256}}, "context.session_id", "invalid_input"),
        ({"context": {"user_id": "me"}}, "context.user_id", "invalid_input"),
        (
            {"context": {"user_id": "0190c2d4-0000-7000-8000-000000000000"}},
            "context.user_id",
            "invalid_input",
        ),
        ({"context": {"created_at": "yesterday"}}, "context.created_at", "invalid_input"),
    ],
)
def test_wrong_bodies(cast: Cast, body: Any, path: str, code: str) -> None:
    response = cast.owner.api.post(address(cast), body, format="json")
    error = response.json()
    assert (response.status_code, error["code"]) == (400, code)
    assert path in [detail["path"] for detail in error["details"]]
    assert not WorkflowExecution.objects.exists()


def test_data_that_does_not_fit_the_inputs(cast: Cast) -> None:
    body = {"context": {"data": {"amount": "three"}}}
    response = cast.owner.api.post(address(cast), body, format="json")
    assert (response.status_code, response.json()["code"]) == (400, "invalid_context")
    assert "amount" in response.json()["details"][0]["path"]
    assert not WorkflowExecution.objects.exists()


# -- once


def execute(api: APIClient, path: str, key: str, amount: int = 1) -> Any:
    body = {"context": {"data": {"amount": amount}}}
    return api.post(path, body, format="json", headers={"Idempotency-Key": key})


def test_same_key_gives_the_same_run(cast: Cast) -> None:
    first = execute(cast.owner.api, address(cast), "k")
    again = execute(cast.owner.api, address(cast), "k")
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert WorkflowExecution.objects.count() == 1


def test_key_belongs_to_a_request_a_user_and_a_workflow(cast: Cast) -> None:
    execute(cast.owner.api, address(cast), "k")
    other = execute(cast.owner.api, address(cast), "k", amount=2)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_reused")
    elsewhere = f"/api/v1/workflows/{cast.private.id}/execute"
    assert execute(cast.owner.api, elsewhere, "k").status_code == 202
    assert execute(cast.team_mate.api, address(cast), "k").status_code == 202
    assert WorkflowExecution.objects.count() == 3


@pytest.mark.parametrize(
    ("key", "status"),
    [("x", 202), ("x" * 255, 202), (" ~", 202), ("", 400), ("x" * 256, 400), ("é", 400)],
)
def test_form_of_keys(cast: Cast, key: str, status: int) -> None:
    response = execute(cast.owner.api, address(cast), key)
    assert response.status_code == status
    if status == 400:
        assert response.json()["details"][0]["path"] == "Idempotency-Key"


@pytest.mark.django_db(transaction=True)
def test_many_at_once_with_one_key_start_one_run(cast: Cast) -> None:
    barrier = threading.Barrier(8)
    answers: list[tuple[int, str]] = []

    def post() -> None:
        api = APIClient()
        api.force_authenticate(cast.owner.user)
        try:
            barrier.wait()
            response = execute(api, address(cast), "once")
            answers.append((response.status_code, response.json().get("execution_id")))
        finally:
            connection.close()

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run = WorkflowExecution.objects.get()
    assert answers == [(202, str(run.id))] * 8
    assert StepExecution.objects.count() == 3
    cast.shared.refresh_from_db()
    assert cast.shared.usage_count == 1


# -- forms


CSRF_TOKEN = "x" * 32


def signed_in_by_session(cast: Cast) -> APIClient:
    """A client whose forms Django's CSRF check reads, looking for the token."""
    api = APIClient(enforce_csrf_checks=True)
    api.force_login(cast.owner.user)
    api.cookies["csrftoken"] = CSRF_TOKEN
    return api


def part(content: bytes, name: str = "x.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_files_become_inputs(cast: Cast) -> None:
    made = cast.owner.api.post("/api/v1/workflows", {"definition": CSV}, format="json").json()
    response = cast.owner.api.post(
        f"/api/v1/workflows/{made['id']}/execute",
        {
            "context": json.dumps({"session_id": "form", "data": {"kept": 1}}),
            "prices": part(b"\xef\xbb\xbfa,b\nx,1.5\n\xc3\xbc,2\n"),
        },
        format="multipart",
    )
    assert response.status_code == 202, response.content
    run = work(WorkflowExecution.objects.get())
    assert run.context["data"] == {"kept": 1, "prices": "a,b\nx,1.5\nü,2\n"}
    assert (run.session_id, run.status) == ("form", "completed")
    assert run.results is not None
    assert run.results["rows"]["rows"] == [{"a": "x", "b": 1.5}, {"a": "ü", "b": 2.0}]


FORMS: list[tuple[str, Callable[[], dict[str, Any]], int, str]] = [
    ("no context", lambda: {"text": part(b"x")}, 202, ""),
    ("a context as file", lambda: {"context": part(b'{"session_id": "f"}')}, 202, ""),
    ("just small enough", lambda: {"text": part(b"x" * 10 * MB)}, 202, ""),
    ("file too large", lambda: {"text": part(b"x" * (10 * MB + 1))}, 413, ""),
    ("all too large", lambda: {"a": part(b"x" * 7 * MB), "b": part(b"x" * 6 * MB)}, 413, ""),
    ("context too large", lambda: {"context": "x" * 13 * MB}, 413, ""),
    ("not a file", lambda: {"amount": "3"}, 400, "amount"),
    ("not UTF-8", lambda: {"text": part(b"\xff")}, 400, "text"),
    ("NUL", lambda: {"text": part(b"a\0b")}, 400, "text"),
    ("no JSON", lambda: {"context": "{"}, 400, ""),
    ("NUL in JSON", lambda: {"context": '{"data": {"a": "\\u0000"}}'}, 400, "data.a"),
    ("too deep", lambda: {"context": "[" * 99 + "]" * 99}, 400, ""),
    ("no object", lambda: {"context": "[]"}, 400, "context"),
    ("unknown key", lambda: {"context": '{"a": 1}'}, 400, "context.a"),
    (
        "twice",
        lambda: {"context": '{"data": {"text": 1}}', "text": part(b"x")},
        400,
        "text",
    ),
    ("many fields", lambda: {f"f{n}": "x" for n in range(1100)}, 400, ""),
    ("many files", lambda: {f"f{n}": part(b"x") for n in range(120)}, 400, ""),
    ("the same part twice", lambda: {"text": [part(b"x"), part(b"y")]}, 400, "text"),
]


@pytest.mark.parametrize(("name", "form", "status", "path"), FORMS, ids=[f[0] for f in FORMS])
def test_forms(
    cast: Cast, name: str, form: Callable[[], dict[str, Any]], status: int, path: str
) -> None:
    response = cast.owner.api.post(address(cast), form(), format="multipart")
    assert response.status_code == status, response.content[:500]
    assert WorkflowExecution.objects.count() == (status == 202)
    if path:
        assert path in [detail["path"] for detail in response.json()["details"]]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b\r\n",
        b"garbage",
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n!!!!x\r\n--b--\r\n",
    ],
)
@pytest.mark.parametrize("media_type", ["multipart/form-data; boundary=b", "multipart/form-data"])
@pytest.mark.parametrize("session", [False, True])
def test_broken_forms_are_no_server_errors(
    cast: Cast, body: bytes, media_type: str, session: bool
) -> None:
    api = cast.owner.api
    if session:
        api = signed_in_by_session(cast)
    response = api.post(address(cast), body, content_type=media_type)
    assert response.status_code < 500
    if session:
        assert response.status_code in (400, 403)


@pytest.mark.parametrize("charset", ["unicode_escape", "raw_unicode_escape", "utf-7", "nonsense"])
def test_forms_are_in_utf_8(cast: Cast, charset: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="context"\r\n\r\n"\\ud800"\r\n--b--\r\n'
    media_type = f"multipart/form-data; boundary=b; charset={charset}"
    response = cast.owner.api.post(address(cast), body, content_type=media_type)
    assert response.status_code == 415
    assert response.json()["code"] == "unsupported_media_type"


def test_session_may_send_a_form(cast: Cast) -> None:
    api, token = signed_in_by_session(cast), CSRF_TOKEN
    form = {"text": part(b"abc")}
    sent = api.post(address(cast), form, format="multipart", HTTP_X_CSRFTOKEN=token)
    assert sent.status_code == 202, sent.content
    assert WorkflowExecution.objects.get().context["data"] == {"text": "abc"}
    large = {"text": part(b"x" * 13 * MB)}
    refused = api.post(address(cast), large, format="multipart", HTTP_X_CSRFTOKEN=token)
    assert refused.status_code == 413
    assert api.post(address(cast), form, format="multipart").status_code == 403


def test_json_may_be_12_mb(cast: Cast) -> None:
    for size, status in [(12 * MB - 100, 202), (12 * MB, 413)]:
        body = json.dumps({"context": {"data": {"text": "x" * size}}}).encode()
        response = cast.owner.api.post(address(cast), body, content_type="application/json")
        assert response.status_code == status


def test_step_ids_of_the_definition_are_used(cast: Cast) -> None:
    made = cast.owner.api.post(
        "/api/v1/workflows", {"definition": definition(step("only"))}, format="json"
    ).json()
    cast.owner.api.post(f"/api/v1/workflows/{made['id']}/execute", format="json")
    assert work(WorkflowExecution.objects.get()).results == {"only": {"value": "only"}}
