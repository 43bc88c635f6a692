"""Rows for signing in and out, however it is done."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from core.audit.actors import Actor, by_request
from core.audit.models import Outcome, Via
from core.audit.recording import record
from core.models import User


@receiver(user_logged_in, dispatch_uid="core.audit")
def on_sign_in(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    """A session began."""
    record(by_request(request, user), "session.open", user)


@receiver(user_logged_out, dispatch_uid="core.audit")
def on_sign_out(sender: Any, request: HttpRequest, user: User | None, **_: Any) -> None:
    """A session ended; nobody's where it had ended before."""
    if user is not None:
        record(by_request(request, user), "session.close", user)


@receiver(user_login_failed, dispatch_uid="core.audit")
def on_failure(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """Somebody gave a wrong password. Names that no account has are not kept: people type their
    password there.
    """
    name = credentials.get(User.USERNAME_FIELD)
    account = User.objects.filter(username=name).first() if isinstance(name, str) else None
    actor = Actor(via=Via.ANONYMOUS) if request is None else by_request(request)
    record(
        actor,
        "session.open",
        account,
        outcome=Outcome.REFUSED,
        account=account.username if account else "unknown",
    )
