"""What the engine tells and asks the broker besides publishing."""

from __future__ import annotations

import json
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import redis
from celery.signals import before_task_publish
from django.conf import settings

QUEUES = ("default", "ai")
SENT_AT = "sent_at"


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS)


def queue_lengths(queues: Collection[str] = QUEUES) -> dict[str, int] | None:
    """Messages waiting by queue; None while the broker does not answer."""
    try:
        pipeline = _client().pipeline(transaction=False)
        for queue in queues:
            pipeline.llen(queue)
        return dict(zip(queues, pipeline.execute(), strict=True))
    except redis.RedisError:
        return None


@before_task_publish.connect
def stamp(headers: dict[str, Any] | None = None, **_: Any) -> None:
    """Gives every message the time at which it was sent, by the sender's clock."""
    if headers is not None:
        headers.setdefault(SENT_AT, datetime.now(UTC).isoformat())


def oldest_messages(queues: Collection[str]) -> dict[str, datetime | None] | None:
    """When the message that is next in each queue was sent; None for a queue that has none.

    Returns:
        None while the broker does not answer.
    """
    try:
        pipeline = _client().pipeline(transaction=False)
        for queue in queues:
            pipeline.lindex(queue, -1)
        return dict(zip(queues, map(_sent_at, pipeline.execute()), strict=True))
    except redis.RedisError:
        return None


def _sent_at(message: bytes | None) -> datetime | None:
    with suppress(ValueError, KeyError, TypeError):  # somebody else's message tells nothing
        return datetime.fromisoformat(json.loads(message or b"{}")["headers"][SENT_AT])
    return None
