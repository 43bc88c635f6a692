from __future__ import annotations

import json
import logging
from io import BytesIO
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.views.decorators.http import require_POST
from pytest_django import Settings
from rest_framework import exceptions
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from core import errors
from core.api.parsers import BoundedJSONParser
from core.api.permissions import ByRole
from core.errors import Problem
from core.models import User

SECRET = "secret-4711"  # pragma: allowlist secret - made up


class Echo(APIView):
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        raise RAISED[request.query_params["case"]][0]

    def post(self, request: Request) -> Response:
        return Response(request.data)


class Upload(Echo):
    max_body_bytes = 3_000_000


class Private(Echo):
    permission_classes = [ByRole]


class Thing(APIView):
    permission_classes = [ByRole]

    def get(self, request: Request) -> Response:
        self.check_object_permissions(request, object())
        return Response()


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(SECRET)


def forbidden(request: HttpRequest) -> HttpResponse:
    raise DjangoPermissionDenied


def key_away(request: HttpRequest) -> HttpResponse:
    raise errors.KeyUnavailable


def suspicious(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation


urlpatterns = [
    path("api/v1/echo", Echo.as_view()),
    path("api/v1/upload", Upload.as_view()),
    path("api/v1/thing", Thing.as_view()),
    path("api/v1/private", Private.as_view()),
    *(path(f"{prefix}broken", broken) for prefix in ("", "api/")),
    *(path(f"{prefix}forbidden", forbidden) for prefix in ("", "api/")),
    *(path(f"{prefix}suspicious", suspicious) for prefix in ("", "api/")),
    *(path(f"{prefix}only-post", require_POST(broken)) for prefix in ("", "api/")),
    path("key", key_away),
]
handler400 = "core.api.errors.bad_request"
handler403 = "core.api.errors.permission_denied"
handler404 = "core.api.errors.not_found"
handler500 = "core.api.errors.server_error"

pytestmark = pytest.mark.urls(__name__)

PROBLEMS = [Problem("steps[0].id", "is a duplicate")]
DETAIL = [{"path": "steps[0].id", "message": "is a duplicate"}]

# What a list serializer raises; the stubs know text keys only.
BY_INDEX: Any = {"steps": {3: {"non_field_errors": ["Bad."]}}}

# The exception; status, code, part of the message, details.
RAISED: dict[str, tuple[Exception, int, str, str, list[dict[str, str]]]] = {
    "platform": (errors.Conflict("It runs."), 409, "conflict", "It runs.", []),
    "with problems": (
        errors.InvalidInput("No.", problems=PROBLEMS), 400, "invalid_input", "No.", DETAIL
    ),
    "key": (errors.KeyUnavailable(), 503, "key_unavailable", "not available now", []),
    "validation": (
        exceptions.ValidationError({"steps": [{}, {"id": ["Bad.", "Odd."]}]}),
        400, "invalid_input", "steps[1].id: Bad.",
        [{"path": "steps[1].id", "message": text} for text in ("Bad.", "Odd.")],
    ),
    "validation text": (
        exceptions.ValidationError("Bad."), 400, "invalid_input", "Bad.",
        [{"path": "", "message": "Bad."}],
    ),
    "validation by index": (
        exceptions.ValidationError(BY_INDEX),
        400, "invalid_input", "steps[3]: Bad.", [{"path": "steps[3]", "message": "Bad."}],
    ),
    "model validation": (
        DjangoValidationError({"name": ["Bad."], "__all__": ["Odd."]}),
        400, "invalid_input", "name: Bad.",
        [{"path": "name", "message": "Bad."}, {"path": "", "message": "Odd."}],
    ),
    "parse": (exceptions.ParseError("Odd body."), 400, "invalid_input", "Odd body.", []),
    "not signed in": (exceptions.NotAuthenticated(), 401, "not_authenticated", "credentials", []),
    "denied": (exceptions.PermissionDenied(), 403, "permission_denied", "permission", []),
    "denied by Django": (DjangoPermissionDenied(), 403, "permission_denied", "may not", []),
    "not found": (exceptions.NotFound(), 404, "not_found", "found", []),
    "not found by Django": (Http404(SECRET), 404, "not_found", "no such object", []),
    "not acceptable": (exceptions.NotAcceptable(), 406, "not_acceptable", "Accept", []),
    "throttled": (exceptions.Throttled(wait=7), 429, "throttled", "throttled", []),
    "suspicious": (SuspiciousOperation(SECRET), 400, "invalid_input", "not valid", []),
    "too much data": (RequestDataTooBig(SECRET), 413, "too_large", "too large", []),
    "database away": (OperationalError(SECRET), 503, "unavailable", "try again", []),
    "connection closed": (InterfaceError(SECRET), 503, "unavailable", "try again", []),
    "unexpected": (RuntimeError(SECRET), 500, "internal_error", "went wrong", []),
    "server error": (exceptions.APIException(), 500, "error", "server error", []),
}  # fmt: skip


@pytest.fixture
def api() -> APIClient:
    return APIClient(raise_request_exception=False)


@pytest.mark.parametrize("case", RAISED)
def test_every_exception_has_the_envelope(api: APIClient, case: str) -> None:
    _, status, code, message, details = RAISED[case]
    response = api.get("/api/v1/echo", {"case": case})
    assert response.status_code == status
    assert response.json().keys() == {"code", "message", "details"}
    assert (response.json()["code"], response.json()["details"]) == (code, details)
    assert message in response.json()["message"]
    assert SECRET not in response.content.decode()


@pytest.mark.parametrize(("case", "seconds"), [("throttled", 7), ("key", 5), ("database away", 5)])
def test_what_may_work_later_says_when(api: APIClient, case: str, seconds: int) -> None:
    assert api.get("/api/v1/echo", {"case": case})["Retry-After"] == str(seconds)


def test_an_unexpected_exception_is_logged_once_with_its_traceback(
    api: APIClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        api.get("/api/v1/echo", {"case": "unexpected"})
    (record,) = caplog.records
    assert "RuntimeError: secret-4711" in caplog.text
    assert "/api/v1/echo" in record.getMessage()


def post(api: APIClient, body: bytes, url: str = "/api/v1/echo", **extra: Any) -> tuple[int, Any]:
    response = api.post(url, body, **({"content_type": "application/json"} | extra))
    return response.status_code, response.json()


def test_a_body_is_read(api: APIClient) -> None:
    assert post(api, '{"a": "é"}'.encode()) == (200, {"a": "é"})
    body = b'{"a": 1}'
    assert post(api, body, content_type="application/json; charset=UTF-8") == (200, {"a": 1})


BODIES: dict[str, tuple[bytes, str, int, str, str | None]] = {
    # body, content type, status, code, path of the first detail
    "not JSON": (b"{", "application/json", 400, "invalid_input", None),
    "100,000 levels": (b"[" * 100_000, "application/json", 400, "invalid_input", None),
    "duplicate key": (b'{"a":{"b":1,"b":2}}', "application/json", 400, "invalid_input", "a.b"),
    "NaN": (b'{"a":NaN}', "application/json", 400, "invalid_input", "a"),
    "lone surrogate": (rb'{"\ud800":1}', "application/json", 400, "invalid_input", r'["\ud800"]'),
    "2 MB": (b'"' + b"a" * 2_000_000 + b'"', "application/json", 413, "too_large", None),
    "XML": (b"<a/>", "application/xml", 415, "unsupported_media_type", None),
    "a form": (b"a=1", "application/x-www-form-urlencoded", 415, "unsupported_media_type", None),
    "another charset": (
        b"{}", "application/json; charset=utf-16", 415, "unsupported_media_type", None
    ),
    "a compressing charset": (
        b"BZh", "application/json; charset=bz2", 415, "unsupported_media_type", None
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BODIES)
def test_bad_bodies(api: APIClient, case: str) -> None:
    body, content_type, status, code, where = BODIES[case]
    answered, envelope = post(api, body, content_type=content_type)
    assert (answered, envelope["code"]) == (status, code)
    assert (envelope["details"][0]["path"] if envelope["details"] else None) == where


def test_a_view_may_take_larger_bodies(api: APIClient) -> None:
    body = json.dumps("a" * 2_000_000).encode()
    assert post(api, body, "/api/v1/upload")[0] == 200
    assert post(api, body + b" " * 1_000_000, "/api/v1/upload")[0] == 413


def test_a_body_larger_than_it_announced_is_cut_at_the_cap() -> None:
    stream = BytesIO(b" " * 5_000_000)
    with pytest.raises(errors.TooLarge):
        BoundedJSONParser().parse(stream, "application/json", {"view": Echo()})
    assert stream.tell() == 1024 * 1024 + 1


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [
        ("DELETE", "/api/v1/echo", 405, "method_not_allowed"),
        ("GET", "/api/v1/private", 401, "not_authenticated"),
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/broken", 500, "internal_error"),
        ("GET", "/api/forbidden", 403, "permission_denied"),
        ("GET", "/api/suspicious", 400, "invalid_input"),
    ],
)
def test_errors_of_addresses_and_methods(
    api: APIClient, method: str, url: str, status: int, code: str
) -> None:
    response = api.generic(method, url)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert SECRET not in response.content.decode()


OUTSIDE = [
    ("/nothing", 404, "not_found"),
    ("/broken", 500, "internal_error"),
    ("/forbidden", 403, "permission_denied"),
    ("/suspicious", 400, "invalid_input"),
    ("/only-post", 405, "method_not_allowed"),
    ("/key", 503, "service_unavailable"),
]


@pytest.mark.parametrize(("url", "status", "code"), OUTSIDE)
def test_errors_outside_the_api_are_pages_for_browsers_alone(
    url: str, status: int, code: str
) -> None:
    client = Client(raise_request_exception=False)
    page = client.get(url, headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status_code == status
    assert page["Content-Type"].startswith("text/")
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        response = client.get(url, headers=accept)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert set(response.json()) == {"code", "message", "details"}
        assert SECRET not in response.content.decode()


def test_the_api_answers_browsers_too_in_the_envelope() -> None:
    client = Client(raise_request_exception=False, headers={"Accept": "text/html"})
    for url, status in (("/api/v1/nothing", 404), ("/api/broken", 500), ("/api/only-post", 405)):
        response = client.get(url)
        assert (response.status_code, set(response.json())) == (
            status, {"code", "message", "details"}
        )  # fmt: skip


def test_a_wrong_method_says_which_are_right() -> None:
    assert Client().get("/only-post")["Allow"] == "POST"


@pytest.mark.parametrize(
    "url", ["/api/v1/echo?case=%00", "/api/v1/echo?case=a&%00=1", "/api/v1/%00"]
)
def test_nul_in_an_address_is_refused(api: APIClient, settings: Settings, url: str) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "core.api.middleware.RefuseNul"]
    response = api.get(url)
    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")


@pytest.mark.django_db
def test_a_signed_in_user_gets_no_object_by_default(api: APIClient) -> None:
    api.force_authenticate(User.objects.create_user("ann"))
    assert api.get("/api/v1/thing").status_code == 403
