"""One shape for every error: ``{"code", "message", "details": [{"path", "message"}]}``."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.log import log_response
from django.views import defaults
from rest_framework import exceptions
from rest_framework.fields import get_error_detail
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

from core.errors import InvalidInput, NotFound, PermissionDenied, PlatformError, Problem, TooLarge
from core.json import format_path

logger = logging.getLogger(__name__)

API_PREFIX = "/api/"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    code: str
    message: str
    problems: Sequence[Problem] = ()
    headers: dict[str, str] = field(default_factory=dict)


_INTERNAL = _Answer(
    status=500, code="internal_error", message="Something went wrong on our side; it was logged."
)


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: answers every exception, an unexpected one as a logged 500."""
    answer = _answer(exc)
    set_rollback()
    response = Response(
        envelope(answer.code, answer.message, answer.problems),
        status=answer.status,
        headers=answer.headers,
    )
    if answer is _INTERNAL:
        request = context.get("request")
        # Marks the response as logged, so that Django does not log it again without the traceback.
        log_response(
            "Internal error: %s",
            getattr(request, "path", ""),
            response=response,
            request=getattr(request, "_request", request),
            exception=exc,
        )
    return response


def envelope(code: str, message: str, problems: Sequence[Problem] = ()) -> dict[str, Any]:
    """The body of an error."""
    return {
        "code": code,
        "message": message,
        "details": [{"path": problem.path, "message": problem.message} for problem in problems],
    }


def described(status: int) -> tuple[str, str]:
    """Code and message of an error of which nothing is known but its status."""
    known: dict[int, type[PlatformError]] = {
        error.status: error for error in (InvalidInput, PermissionDenied, NotFound, TooLarge)
    }
    if status in known:
        return known[status].code, known[status].default_message()
    if status == _INTERNAL.status:
        return _INTERNAL.code, _INTERNAL.message
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    return re.sub("[^a-z]+", "_", phrase.lower()), f"{phrase}."


def shows_pages(request: HttpRequest) -> bool:
    """Whether the answer is shown by a browser: errors are pages then, outside the API."""
    asks_html = "text/html" in request.headers.get("Accept", "")
    return asks_html and not request.path.startswith(API_PREFIX)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400: what Django refuses before any view."""
    return _outside_views(request, exception) or defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    return _outside_views(request, exception) or defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404: an address that no view has."""
    return _outside_views(request, exception) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: what failed outside DRF's views; 503 where it was the database. Django has
    logged it.
    """
    error = sys.exc_info()[1]
    if not isinstance(error, (PlatformError, OperationalError, InterfaceError)):
        return _outside_views(request, None) or defaults.server_error(request)
    answer = _answer(error)
    return _outside_views(request, error) or HttpResponse(
        answer.message, status=answer.status, headers=answer.headers, content_type="text/plain"
    )


def _outside_views(request: HttpRequest, exception: Exception | None) -> HttpResponse | None:
    if shows_pages(request):
        return None
    answer = _INTERNAL if exception is None else _answer(exception)
    return JsonResponse(
        envelope(answer.code, answer.message, answer.problems),
        status=answer.status,
        headers=answer.headers,
    )


def _answer(exc: Exception) -> _Answer:
    match exc:
        case PlatformError():
            headers = {} if exc.permanent else {"Retry-After": str(exc.retry_after)}
            return _Answer(
                status=exc.status,
                code=exc.code,
                message=exc.message,
                problems=exc.problems,
                headers=headers,
            )
        case exceptions.ValidationError():
            return _invalid(exc.detail)
        case DjangoValidationError():
            return _invalid(get_error_detail(exc))
        case exceptions.APIException():
            return _api_exception(exc)
        case Http404():
            return _answer(NotFound())
        case DjangoPermissionDenied():
            return _answer(PermissionDenied())
        case RequestDataTooBig():
            return _answer(TooLarge())
        case SuspiciousOperation() | BadRequest():
            return _answer(InvalidInput("The request is not valid."))
        case OperationalError() | InterfaceError():
            logger.error("The database did not answer", exc_info=exc)
            return _Answer(
                status=503,
                code="unavailable",
                message="The database does not answer; try again in a moment.",
                headers={"Retry-After": str(PlatformError.retry_after)},
            )
        case _:
            return _INTERNAL


def _api_exception(exc: exceptions.APIException) -> _Answer:
    headers: dict[str, str] = {}
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(int(wait))
    problems = tuple(_problems(exc.detail, ()))
    message = problems[0].message if problems else str(exc.default_detail)
    code = InvalidInput.code if isinstance(exc, exceptions.ParseError) else exc.default_code
    return _Answer(
        status=exc.status_code,
        code=str(code),
        message=message,
        # A single text without a path is the message itself.
        problems=[problem for problem in problems if problem.path],
        headers=headers,
    )


def _invalid(detail: Any) -> _Answer:
    problems = tuple(_problems(detail, ()))
    message = InvalidInput.default_message()
    if problems:
        first = problems[0]
        message = f"{first.path}: {first.message}" if first.path else first.message
    return _Answer(
        status=InvalidInput.status, code=InvalidInput.code, message=message, problems=problems
    )


def _problems(detail: Any, path: tuple[str | int, ...]) -> Iterator[Problem]:
    """Flatten DRF's tree of messages. Errors of a whole object are at the object's own path."""
    if isinstance(detail, Mapping):
        for key, child in detail.items():
            whole = key in {api_settings.NON_FIELD_ERRORS_KEY, "__all__"}
            part = key if isinstance(key, int) else str(key)
            yield from _problems(child, path if whole else (*path, part))
    elif isinstance(detail, (list, tuple)):
        for index, child in enumerate(detail):
            # Texts are messages about this place; mappings and lists are about the list's items.
            inner = isinstance(child, (Mapping, list, tuple))
            yield from _problems(child, (*path, index) if inner else path)
    elif detail is not None:
        yield Problem(format_path(path), str(detail))
