"""Signing in with a password, and what comes of trying too often (django-axes).

Who fails five times from one address waits a quarter of an hour before trying that account from
there again; an address from which fifty attempts failed, at whatever accounts, waits before trying
any. It does not matter how the attempts were made: API, session or admin. Attempts are rows.
"""

from __future__ import annotations

from typing import Any

from axes.attempts import get_cool_off_threshold
from axes.backends import AxesStandaloneBackend
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.middleware import AxesMiddleware
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.crypto import salted_hmac

from core.audit.actors import address_range
from core.errors import InvalidInput, PlatformError
from core.models import User


class InvalidCredentials(InvalidInput):
    """The user name or the password is wrong."""

    code = "invalid_credentials"


class LockedOut(PlatformError):
    """Too many wrong passwords; try again later."""

    code = "locked_out"
    status = 429
    permanent = False
    retry_after = int(settings.AXES_COOLOFF_TIME.total_seconds())


class LockOutHandler(AxesDatabaseHandler):  # type: ignore[misc] # axes tells no types
    """Counts by account and address together, as AXES_LOCKOUT_PARAMETERS says, and by address.

    axes has one limit for all that it counts. The failures of one account end at its own limit,
    and with its next success: a forgetful person, or a program with an old password, does not lock
    out the office around it.
    """

    def get_failures(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> int:
        """How many count against the limit: as many as that where the address is locked out."""
        failures = int(super().get_failures(request, credentials))
        allowed = settings.SIGN_IN_FAILURES_PER_ADDRESS
        # Who has no address (a unix socket) shares the lack of one with everybody.
        if failures >= settings.AXES_FAILURE_LIMIT or not allowed or not request.axes_ip_address:  # type: ignore[attr-defined]
            return failures
        attempts = AccessAttempt.objects.filter(
            ip_address=request.axes_ip_address,  # type: ignore[attr-defined]
            attempt_time__gte=get_cool_off_threshold(request),
        )
        tried = attempts.aggregate(total=Sum("failures_since_start"))["total"] or 0
        return settings.AXES_FAILURE_LIMIT if tried >= allowed else failures


class LockoutBackend(AxesStandaloneBackend):  # type: ignore[misc] # axes tells no types
    """Lets nobody try a password who is locked out. Code that signs in without a request may."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, **credentials: Any
    ) -> None:
        if request is not None:
            super().authenticate(request, username=username, **credentials)


class LockOutMiddleware(AxesMiddleware):  # type: ignore[misc] # axes tells no types
    """Answers who is locked out. Its asynchronous form would not tell what the view answered."""

    async_capable = False


def check_password(request: HttpRequest, *, username: str, password: str) -> User:
    """The account of this name and password. Raises InvalidCredentials, LockedOut."""
    user = authenticate(request, username=username, password=password)
    if getattr(request, "axes_locked_out", False):
        raise LockedOut()
    if not isinstance(user, User):
        raise InvalidCredentials()
    AxesProxyHandler.get_implementation().reset_user_attempts(request, {"username": username})
    return user


def tried_account(request: HttpRequest, credentials: dict[str, Any] | None) -> str | None:
    """AXES_USERNAME_CALLABLE: the account's name. Of a name that no account has only a digest is
    kept: people type their password there.
    """
    name = (credentials or {}).get("username") or request.POST.get("username")
    if not isinstance(name, str) or not name:
        return None
    # Asked several times for each attempt.
    kept: dict[str, str] = request.__dict__.setdefault("tried_accounts", {})
    if name not in kept:
        known = "\0" not in name and User.objects.filter(username=name).exists()
        kept[name] = name if known else _digest(name)
    return kept[name]


def tried_from(request: HttpRequest) -> str | None:
    """AXES_CLIENT_IP_CALLABLE: the caller's address, None where it has none.

    Of IPv6 the first address of the household's network.
    """
    return address_range(request).partition("/")[0] or None


def locked_out(
    request: HttpRequest, answer: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """AXES_LOCKOUT_CALLABLE: what the one who is locked out is answered."""
    if answer is not None and answer.status_code == LockedOut.status:
        return answer  # the API's view has said it
    page = render(request, "workflow_core/locked_out.html", status=LockedOut.status)
    page["Retry-After"] = str(LockedOut.retry_after)
    return page


def _digest(name: str) -> str:
    return f"unknown {salted_hmac('core.sign_in', name, algorithm='sha256').hexdigest()[:32]}"
