"""Liveness and readiness, for load balancers and orchestrators. No sign-in, no session."""

from __future__ import annotations

import logging
from collections.abc import Callable

import psycopg
import redis
from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 2


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
