"""Who does something: somebody behind a request, a command, the platform itself."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.settings import api_settings

from core.audit.models import Via

_SHOWN = 12  # digits of a digest: enough to find the token or session, nothing to guess it by


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who, and by which way. The fields are those of an entry."""

    via: Via
    user_id: UUID | None = None
    username: str = ""
    credential: str = ""
    request_id: str = ""
    address: str = ""


def by_request(request: HttpRequest | Request, user: Any = None) -> Actor:
    """Whoever sent the request; `user` where signing in is what it is about."""
    plain: HttpRequest = getattr(request, "_request", request)
    who = user or getattr(request, "user", None) or AnonymousUser()
    via, credential = _credential(plain, getattr(request, "auth", None))
    return Actor(
        via=via if who.is_authenticated else Via.ANONYMOUS,
        user_id=who.pk if who.is_authenticated else None,
        username=who.get_username(),
        credential=credential,
        request_id=getattr(plain, "request_id", ""),
        address=client_address(plain),
    )


def by_command(name: str) -> Actor:
    """Whoever runs a management command on the server."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        account = ""
    return Actor(via=Via.COMMAND, username=account, credential=name)


def by_system(name: str) -> Actor:
    """The platform, in one of its own jobs."""
    return Actor(via=Via.SYSTEM, credential=name)


def client_address(request: HttpRequest) -> str:
    """The caller's address as the server sees it, behind NUM_PROXIES proxies that it trusts."""
    found = request.META.get("REMOTE_ADDR", "")
    proxies: int | None = api_settings.NUM_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if proxies and forwarded:
        told = forwarded.split(",")
        found = told[-min(proxies, len(told))].strip()
    try:
        address = ip_address(found)
    except ValueError:  # a unix socket, or text that somebody made up
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def address_range(request: HttpRequest) -> str:
    """The caller's address; of IPv6 the network of a household, in which addresses cost nothing."""
    address = client_address(request)
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def _credential(request: HttpRequest, token: Any) -> tuple[Via, str]:
    if token is not None:
        return Via.TOKEN, str(getattr(token, "digest", ""))[:_SHOWN]
    key = getattr(getattr(request, "session", None), "session_key", None)
    if not key:
        return Via.SESSION, ""
    digest = salted_hmac("core.audit.session", key, algorithm="sha256").hexdigest()
    return Via.SESSION, digest[:_SHOWN]
