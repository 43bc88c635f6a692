"""Celery's consumer, made to survive an absence of the broker.

While the broker is away the consumer tries to connect again and again, and its event loop stands
still. Two things go wrong then (Celery 5.7), and each has ended or stopped a worker in the faults'
catalogue:

- Nobody reads what the pool's processes report. Once the loop turns again, a time limit that passed
  meanwhile fires before it is read that the task ended long ago, and kills a process for it.
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

    hub: Any  # Celery's event loop
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
        pool = getattr(self.pool, "_pool", None)
        if getattr(pool, "_registered_with_event_loop", False):  # prefork, and not the first time
            watch_all(pool)
            self.hub.call_soon(renew_limits, pool)  # before the loop looks at its timers
        return connection


def watch_all(pool: Any) -> None:
    """Has Celery watch every process of the pool."""
    for process in pool._pool:
        if getattr(process, "_sentinel_poll", 0) is None:
            del process._sentinel_poll


def renew_limits(pool: Any) -> None:
    """Lets the time limits of what the processes carry out begin anew."""
    for job in list(pool._cache.values()):
        if job._accepted and job._timeout:
            pool.on_timeout_cancel(job)
            pool.on_timeout_set(job, job._soft_timeout, job._timeout)
