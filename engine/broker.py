"""What the engine asks the broker besides publishing."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

import redis
from django.conf import settings

QUEUES = ("default", "ai")


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
