"""From Redis to people: the states of a run's AI steps, read at once or watched.

All that is watched in a process is looked at together: once every half second at Redis, without a
thread, and every few seconds at the runs' rows, by one query. What is open costs no connection to
the database and no thread that others wait for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import redis
from asgiref.sync import sync_to_async
from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from redis import asyncio as async_redis

from ai.progress.publishing import KEPT_SECONDS, name_of
from core.cache import unseal
from core.json import JsonObject
from engine.models import WorkflowExecution

logger = logging.getLogger(__name__)

MAX_STEPS = 50
"""AI steps of a run that are shown: those that told something last."""
_SECONDS = 0.5
_ROUNDS = 4  # of looks at Redis to one at the rows
_AWAY = 5.0
_TIMEOUT = 1.0
_OPTIONS: dict[str, Any] = {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT}
ENDED = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        status: of the run.
        steps: its AI steps that ask now, in the order in which they began.
    """

    status: str
    steps: tuple[JsonObject, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        return self.status in ENDED

    @property
    def version(self) -> str:
        """The same for the same progress, whichever process tells it."""
        marks = [self.status, *(mark(step) for step in self.steps)]
        return sha256("\0".join(marks).encode()).hexdigest()[:16]


def mark(step: JsonObject) -> str:
    """Another one with every change of the step's state."""
    return f"{step['step_execution_id']} {step['attempt']} {step['sequence']}"


def now(run: WorkflowExecution) -> Progress:
    """The progress of a run; without steps while Redis does not answer."""
    if run.status in ENDED:
        return Progress(status=run.status)
    try:
        found: Any = _client().hgetall(name_of(run.id))
    except redis.RedisError as error:
        logger.warning("No progress is shown, since Redis does not answer: %s", error)
        found = {}
    return Progress(status=run.status, steps=_opened(run.id, found))


@lru_cache(maxsize=1)
def _client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS | _OPTIONS)


def _opened(run: UUID, fields: Mapping[bytes, bytes]) -> tuple[JsonObject, ...]:
    """The states that can be read; those left out whose worker has long been silent."""
    name = name_of(run)
    found: list[JsonObject] = []
    for step, content in fields.items():
        try:
            state = unseal(f"{name}:{step.decode()}", content)
        except (ValueError, InvalidTag):
            continue  # of another key, or moved here
        if isinstance(state, dict):
            found.append(state)
    last = max((state["told_at"] for state in found), default=0.0)
    alive = [state for state in found if state.pop("told_at") > last - KEPT_SECONDS]
    newest = sorted(alive, key=lambda state: state["updated_at"])[-MAX_STEPS:]
    return tuple(sorted(newest, key=lambda state: (state["started_at"], state["step_id"])))


@dataclass(eq=False, slots=True)
class Watch:
    """One stream's view of a run."""

    run: UUID
    seen: Progress | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def next(self, *, seconds: float) -> Progress | None:
        """The newest progress once there is some; None where there is none for so long."""
        try:
            await asyncio.wait_for(self.news.wait(), seconds)
        except TimeoutError:
            return None
        self.news.clear()
        return self.seen


class Watchers:
    """The open streams of one event loop."""

    def __init__(self) -> None:
        self.by_user: Counter[Any] = Counter()
        self._watches: set[Watch] = set()
        self._statuses: dict[UUID, str] = {}
        self._task: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, run: WorkflowExecution, *, user: Any) -> AsyncIterator[Watch]:
        """Counts as one of the user's streams for the time of the block."""
        watch = Watch(run.id)
        self._statuses.setdefault(run.id, run.status)
        self._watches.add(watch)
        self.by_user[user] += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        try:
            yield watch
        finally:
            self._watches.discard(watch)
            self.by_user[user] -= 1
            self.by_user += Counter()  # without those that have none left

    async def _work(self) -> None:
        client = async_redis.Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS | _OPTIONS)
        away, rounds = 0.0, 0
        try:
            while self._watches:
                runs = {watch.run for watch in self._watches}
                found: dict[UUID, tuple[JsonObject, ...]] = {}
                if time.monotonic() >= away:
                    try:
                        found = await _read(client, runs)
                    except redis.RedisError as error:
                        away = time.monotonic() + _AWAY
                        logger.warning("No progress: Redis does not answer: %s", error)
                if rounds % _ROUNDS == 0:
                    await self._look(runs)
                rounds += 1
                self._tell(found)
                await asyncio.sleep(_SECONDS)
        finally:
            await client.aclose()

    async def _look(self, runs: Collection[UUID]) -> None:
        try:
            found = await sync_to_async(_statuses, thread_sensitive=False)(runs)
        except (DatabaseError, InterfaceError) as error:
            logger.warning("No statuses of runs, since the database does not answer: %s", error)
            return
        # A run that is gone ends its streams too.
        self._statuses |= {run: found.get(run, "cancelled") for run in runs}
        self._statuses = {watch.run: self._statuses[watch.run] for watch in self._watches}

    def _tell(self, found: Mapping[UUID, tuple[JsonObject, ...]]) -> None:
        for watch in self._watches:
            status = self._statuses[watch.run]
            steps = () if status in ENDED else found.get(watch.run, ())
            seen = Progress(status=status, steps=steps)
            if watch.seen is None or seen.version != watch.seen.version:
                watch.seen = seen
                watch.news.set()


async def _read(
    client: async_redis.Redis, runs: Collection[UUID]
) -> dict[UUID, tuple[JsonObject, ...]]:
    ordered = list(runs)
    async with client.pipeline(transaction=False) as pipe:
        for run in ordered:
            pipe.hgetall(name_of(run))
        replies = await pipe.execute()
    return {run: _opened(run, fields) for run, fields in zip(ordered, replies, strict=True)}


def _statuses(runs: Collection[UUID]) -> dict[UUID, str]:
    try:
        rows = WorkflowExecution.objects.filter(id__in=runs)
        return dict(rows.values_list("id", "status"))
    finally:
        if not connection.in_atomic_block:
            connection.close()  # back to the pool: this thread may not be asked again soon


_watchers: WeakKeyDictionary[asyncio.AbstractEventLoop, Watchers] = WeakKeyDictionary()


def watchers() -> Watchers:
    """Those of the running event loop."""
    loop = asyncio.get_running_loop()
    return _watchers.setdefault(loop, Watchers())


def open_streams(user: Any) -> int:
    """How many streams this process serves the user."""
    return sum(each.by_user[user] for each in list(_watchers.values()))
