"""Liveness, readiness and the whole platform's health. No sign-in, no session, no secrets."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import psycopg
import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.health import Check, Part, checks

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 2
# The database knows how the parts are that register themselves.
_UNKNOWN = Part(ok=False, age_seconds=None, details={"state": "unknown"})


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """200 while this process answers; touches neither the database nor the broker."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """200 where the database and the broker answer within seconds, else 503 and which does not."""
    parts = {"database": _answers(_ask_database), "broker": _answers(_ask_broker)}
    ok = all(parts.values())
    body = {
        "status": "ok" if ok else "unavailable",
        **{name: "ok" if answers else "unavailable" for name, answers in parts.items()},
    }
    return JsonResponse(body, status=200 if ok else 503)


@require_safe
@never_cache
def health(request: HttpRequest) -> HttpResponse:
    """Every part of the platform with its state and age; 503 where one is down that runs need.

    For people and monitoring. Load balancers ask `ready`: the web has its use without workers.
    """
    parts = {
        "web": Part(ok=True, age_seconds=0.0),
        "database": _probe(_ask_database),
        "broker": _probe(_ask_broker),
    }
    for name, check in checks().items():
        parts[name] = _checked(check) if parts["database"].ok else _UNKNOWN
    works = all(part.ok for part in parts.values() if part.needed)
    whole = all(part.ok for part in parts.values())
    body = {
        "status": "ok" if whole else "degraded" if works else "unavailable",
        "parts": {
            name: {
                "state": "ok" if part.ok else "down",
                "age_seconds": part.age_seconds,
                **part.details,
            }
            for name, part in parts.items()
        },
    }
    return JsonResponse(body, status=200 if works else 503)


def _probe(ask: Callable[[], None]) -> Part:
    began = time.monotonic()
    ok = _answers(ask)
    took = {"took_seconds": round(time.monotonic() - began, 3)}
    return Part(ok=ok, age_seconds=0.0 if ok else None, details=took)


def _checked(check: Check) -> Part:
    try:
        return check()
    except DatabaseError as error:
        logger.warning("Not known: %s", error)
        return _UNKNOWN


def _answers(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except (psycopg.Error, redis.RedisError, OSError) as error:
        logger.warning("Not ready: %s", error)
        return False
    return True


def _ask_database() -> None:
    # A connection of its own: the request's may be pooled, or may hang without a time limit.
    wanted = connection.get_connection_params()
    parameters = {
        **{name: wanted[name] for name in wanted if name.startswith("ssl")},
        **{name: wanted.get(name) for name in ("dbname", "user", "password", "host", "port")},
        "connect_timeout": TIMEOUT_SECONDS,
        "tcp_user_timeout": TIMEOUT_SECONDS * 1000,
    }
    with psycopg.connect(**parameters) as probe:
        probe.execute("SELECT 1")


def _ask_broker() -> None:
    options = settings.REDIS_OPTIONS | {
        "socket_timeout": TIMEOUT_SECONDS,
        "socket_connect_timeout": TIMEOUT_SECONDS,
        "retry": None,
    }
    with redis.Redis.from_url(settings.REDIS_URL, **options) as client:
        client.ping()
