"""Counting what happens in a time, for all processes together: in Redis."""

from __future__ import annotations

import logging
import time
from functools import lru_cache

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1.0
_PAUSE_SECONDS = 5.0


class _Health:
    """Until when Redis is not asked, since it did not answer."""

    closed_until = 0.0


def count(key: str, *, seconds: int) -> tuple[int, int]:
    """Counts one more under this key.

    Returns:
        How many there were in the present window of so many seconds, and how many of these are
        left. Nothing is counted, and 0 returned, while Redis does not answer: a broker that is
        down must not keep people out.
    """
    now = _now()
    left = seconds - int(now % seconds)
    if time.monotonic() < _Health.closed_until:
        return 0, left
    try:
        with _client().pipeline(transaction=False) as pipe:
            name = f"count:{key}:{int(now // seconds)}"
            pipe.incr(name)
            pipe.expire(name, seconds)
            found = pipe.execute()
    except redis.RedisError as error:
        _Health.closed_until = time.monotonic() + _PAUSE_SECONDS
        logger.warning("Nothing is counted, since Redis does not answer: %s", error)
        return 0, left
    return int(found[0]), left


def _now() -> float:
    return time.time()


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    options = {"socket_timeout": TIMEOUT_SECONDS, "socket_connect_timeout": TIMEOUT_SECONDS}
    return redis.Redis.from_url(settings.REDIS_URL, **(settings.REDIS_OPTIONS | options))
