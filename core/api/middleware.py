from __future__ import annotations

import json
import re
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import UnsupportedMediaType

from core.api.errors import described, envelope, shows_pages
from core.errors import PlatformError
from core.ids import uuid7

REQUEST_ID = "X-Request-ID"
_NO_DEVICES = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
_OF_THE_BODY = ("Content-Encoding", "ETag", "Last-Modified")
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RequestId:
    """Gives every request an id, which the answer and the audit log name.

    A proxy in front may have given one (`X-Request-ID`): letters, digits, `.`, `_` and `-`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(REQUEST_ID, "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid7())
        request.request_id = request_id  # type: ignore[attr-defined]
        response = self.get_response(request)
        response[REQUEST_ID] = request_id
        return response


class SecurityHeaders:
    """What Django's own middleware does not set: nobody else may embed what is answered here, pages
    have no use for the device, and nothing keeps what the API answers.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", _NO_DEVICES)
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class ErrorEnvelope:
    """Gives every error the API's envelope, whoever made it, but for pages that a browser shows."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or shows_pages(request):
            return response
        if response.headers.get("Content-Type", "").startswith("application/json"):
            return response
        code, message = described(response.status_code)
        if response.headers.get("Content-Type", "").startswith("text/plain"):
            message = response.text or message
        return _replaced(response, json.dumps(envelope(code, message)).encode())


def _replaced(response: HttpResponse, body: bytes) -> HttpResponse:
    """The response with this JSON for a body, without what described the old one."""
    if response.streaming:  # its body cannot be set
        response.close()
        whole = HttpResponse(status=response.status_code, headers=response.headers)
        whole.cookies = response.cookies
        response = whole
    response.content = body
    for header in _OF_THE_BODY:
        response.headers.pop(header, None)
    response.headers["Content-Type"] = "application/json"
    # Inner middleware may have measured the old body.
    response.headers["Content-Length"] = str(len(body))
    return response


class RefuseEncodings:
    """Refuses bodies that are compressed or in another charset than UTF-8.

    Django would decode form fields by whatever codec of Python's the caller names.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        coding = request.headers.get("Content-Encoding", "").strip().lower()
        charset = (request.content_params or {}).get("charset", "").lower()
        if coding not in ("", "identity"):
            message = "Send the body as it is, without Content-Encoding."
        elif charset not in _CHARSETS:
            message = "Send the body in UTF-8."
        else:
            return self.get_response(request)
        body = envelope(UnsupportedMediaType.default_code, message)
        return JsonResponse(body, status=UnsupportedMediaType.status_code)


class RefuseNul:
    """Refuses NUL in the address and query: PostgreSQL cannot hold it, and each view would fail."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("The address holds a NUL character.")
        return self.get_response(request)


class TellErrors:
    """Answers the platform's errors outside the API as text: an admin page whose encryption key is
    away says so, with its status, and is no failure of the platform.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Django calls it with what a view or its template raises."""
        if not isinstance(error, PlatformError):
            return None
        return HttpResponse(error.message, status=error.status, content_type="text/plain")
