"""From workers to Redis, by a thread of its own: no step waits for it, and none fails by it.

A run has one hash there, with a field for each of its AI steps that is under way: its newest
state, sealed as the cache's values are. All that a process has to tell goes out in one message, a
few times a second at most; what was overtaken in between is not sent.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

import redis
from django.conf import settings

from core.cache import hidden_name, seal
from core.json import JsonObject

if TYPE_CHECKING:
    _Key = tuple[UUID, UUID]

logger = logging.getLogger(__name__)

KEPT_SECONDS = 60
"""How long progress outlives the worker that told it."""
_PAUSE = 0.25
_REFRESH = 20.0  # of what has not changed for long, so that it is kept
_LINGER = 3.0  # for which the end of a step can be seen
_AWAY = 5.0  # for which a Redis that does not answer is left alone
_TIMEOUT = 1.0


@dataclass(slots=True)
class _Told:
    state: JsonObject
    ended: bool
    fresh: bool
    at: float


class Publisher:
    """What one process has to tell, and the thread that does."""

    def __init__(self) -> None:
        self._told: dict[_Key, _Told] = {}
        self._lock = threading.Lock()
        self._news = threading.Event()
        options = {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT}
        self._redis = redis.Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS | options)
        threading.Thread(target=self._work, name="ai-progress", daemon=True).start()

    def put(self, key: _Key, state: JsonObject, *, ended: bool) -> None:
        """Takes the place of what the step told before."""
        told = _Told(state=state, ended=ended, fresh=True, at=time.monotonic())
        with self._lock:
            self._told[key] = told
        self._news.set()

    def _work(self) -> None:
        while True:
            self._news.wait(None if not self._told else _LINGER)
            self._news.clear()
            pause = _PAUSE
            try:
                self._send()
            except redis.RedisError as error:
                logger.warning("Progress is not told, since Redis does not answer: %s", error)
                pause = _AWAY
            except Exception:
                logger.exception("Progress is not told")
                pause = _AWAY
            time.sleep(pause)

    def _send(self) -> None:
        now = time.monotonic()
        with self._lock:
            gone = [k for k, t in self._told.items() if t.ended and now - t.at > _LINGER]
            for key in gone:
                del self._told[key]
            due = {k: t for k, t in self._told.items() if t.fresh or now - t.at > _REFRESH}
            for told in due.values():
                told.fresh = False
                told.at = now
        if not gone and not due:
            return
        with self._redis.pipeline(transaction=False) as pipe:
            for run, step in gone:
                pipe.hdel(name_of(run), str(step))
            for (run, step), told in due.items():
                name = name_of(run)
                state = told.state | {"told_at": time.time()}
                pipe.hset(name, str(step), seal(f"{name}:{step}", state))
                pipe.expire(name, KEPT_SECONDS)
            pipe.execute()


def put(run: UUID | None, step: UUID | None, state: JsonObject, *, ended: bool) -> None:
    """Lets people see the state of a run's step soon, where Redis answers."""
    if run is not None and step is not None:
        _publisher(os.getpid()).put((run, step), state, ended=ended)


def name_of(run: UUID) -> str:
    """The run's hash in Redis."""
    return hidden_name(f"ai:progress:{run}", "", 1)


_making = threading.Lock()


def _publisher(pid: int) -> Publisher:
    with _making:
        return _made(pid)


@lru_cache(maxsize=1)
def _made(pid: int) -> Publisher:
    """This process's own: no thread survives a fork."""
    return Publisher()
