"""How often somebody may ask. Counted for all web processes together (`core.counters`)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from core.audit.actors import address_range
from core.counters import count

if TYPE_CHECKING:  # DRF's views import this module, as that of the default throttle
    from rest_framework.views import APIView


class Throttle(BaseThrottle):
    """So many requests a minute for each subject; a subclass says for which."""

    scope: ClassVar[str]
    per_minute: int
    left = 0

    def subject(self, request: Request) -> str | None:
        """On whose account the request is counted; None: on nobody's."""
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        subject = self.subject(request)
        if subject is None or not self.per_minute:
            return True
        asked, self.left = count(f"{self.scope}:{subject}", seconds=60)
        return asked <= self.per_minute

    def wait(self) -> float:
        return self.left


class CallerThrottle(Throttle):
    """Requests of one account, or of one address where nobody is signed in."""

    scope = "caller"

    def __init__(self) -> None:
        self.per_minute = settings.API_RATE_PER_MINUTE

    def subject(self, request: Request) -> str | None:
        if request.user is not None and request.user.is_authenticated:
            return str(request.user.pk)
        return address_range(request._request)


class AddressThrottle(Throttle):
    """Attempts to sign in from one address."""

    scope = "sign-in-address"

    def __init__(self) -> None:
        self.per_minute = settings.SIGN_IN_RATE_PER_ADDRESS

    def subject(self, request: Request) -> str | None:
        return address_range(request._request)


class AccountThrottle(Throttle):
    """Attempts to sign in to one account from anywhere. Its tokens and sessions go on working."""

    scope = "sign-in-account"

    def __init__(self) -> None:
        self.per_minute = settings.SIGN_IN_RATE_PER_ACCOUNT

    def subject(self, request: Request) -> str | None:
        data = request.data
        name = data.get("username") if isinstance(data, dict) else None
        return sha256(name.casefold().encode()).hexdigest() if isinstance(name, str) else None
