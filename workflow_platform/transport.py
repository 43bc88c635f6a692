"""Celery's way to the broker: kombu's Redis transport, which keeps its clients.

kombu makes a client for each command that it sends, which costs about as much as the command does
(redis-py 8 fills a table of 170 entries). A client holds nothing but its connection pool.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis


class Channel(redis.Channel):
    """A channel with one client for its commands. The one that consumes is another."""

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        pool, client = self.__dict__.get("_kept", (None, None))
        if pool is not self.pool:
            client = super()._create_client()  # type: ignore[misc]
            self._kept = self.pool, client
        return client


class Transport(redis.Transport):
    """The transport of these channels."""

    Channel = Channel


def install() -> None:
    """Has every Redis URL in this process use it."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
