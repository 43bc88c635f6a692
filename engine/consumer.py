"""Celery's consumer, made to survive an absence of the broker.

While the broker is away the consumer tries to connect again and again, and its event loop stands
still. Two things go wrong then (Celery 5.7), and each has ended or stopped a worker in the faults'
catalogue:

- Nobody reads what the pool's processes report. Once the loop turns again, a time limit that passed
  meanwhile fires for a task that ended long ago, and kills the process that carried it out.
- A process whose end was mistaken for another's (the descriptors of several that end at once are
  used again) is not watched any more; to watch it anew raises ValueError, which ends the worker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer

from engine.presence import Presence

_RETRY_SECONDS = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 5.0}


class StepConsumer(Consumer):
    """The consumer of `worker_consumer`.

    Attributes:
        presence: shows that the worker lives; None until it is ready.
    """

    presence: Presence | None = None

    def ensure_connected(self, conn: Any) -> Any:
        """Tries at least every 5 seconds; Celery's own tries become rarer, up to 30 seconds."""
        connect = conn.ensure_connection

        def ensure_connection(errback: Any, max_retries: Any, callback: Callable[[], None]) -> Any:
            def each_second() -> None:
                if self.presence is not None:
                    self.presence.excuse()
                callback()

            return connect(errback, max_retries, callback=each_second, **_RETRY_SECONDS)

        conn.ensure_connection = ensure_connection
        return super().ensure_connected(conn)

    def connect(self) -> Any:
        """Connects, and brings the pool up to date before the loop turns again."""
        connection = super().connect()
        catch_up(getattr(self.pool, "_pool", None))
        return connection


def catch_up(pool: Any) -> None:
    """Reads what the processes of a prefork pool have reported, and has all of them watched."""
    if not getattr(pool, "_registered_with_event_loop", False):
        return  # at the worker's start, or a pool of threads
    for process in pool._pool:
        pool.process_flush_queues(process)
        if getattr(process, "_sentinel_poll", 0) is None:
            del process._sentinel_poll
