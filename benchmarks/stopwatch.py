"""Where this process's time goes: in statements, in encryption, in publishing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import psycopg
from celery import Celery

from core.keys.ring import DataKeys
from engine import prepared


@dataclass(kw_only=True, slots=True)
class Part:
    """Calls of one kind: how many and how long, in seconds."""

    calls: int = 0
    seconds: float = 0.0


@dataclass(kw_only=True, slots=True)
class Spent:
    """What a stretch of work spent on what; `rest` is Python of the platform and its libraries."""

    total: float
    statements: Part
    encryption: Part
    publishing: Part

    @property
    def rest(self) -> float:
        """Seconds that are none of the parts."""
        parts = (self.statements, self.encryption, self.publishing)
        return self.total - sum(part.seconds for part in parts)


@contextmanager
def watching() -> Iterator[Spent]:
    """Measures the block. Publishing counts without what it spends inside on the other parts."""
    spent = Spent(total=0, statements=Part(), encryption=Part(), publishing=Part())
    watched: list[tuple[Any, str, Part]] = [
        (prepared, "run", spent.statements),
        (psycopg.Cursor, "execute", spent.statements),
        (psycopg.Connection, "commit", spent.statements),
        (DataKeys, "seal", spent.encryption),
        (DataKeys, "open", spent.encryption),
        (Celery, "send_task", spent.publishing),
    ]
    with ExitStack() as stack:
        for owner, name, part in watched:
            timed = _timed(getattr(owner, name), part)
            stack.enter_context(patch.object(owner, name, timed))
        started = time.perf_counter()
        yield spent
        spent.total = time.perf_counter() - started


def _timed(call: Callable[..., Any], part: Part) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return call(*arguments, **named)
        finally:
            part.calls += 1
            part.seconds += time.perf_counter() - started

    return timed
