"""Raw Celery: a shape as a canvas, sent and waited for."""

from __future__ import annotations

import time
from typing import Any

import redis
from celery import Task, chain, chord
from celery.canvas import Signature

from benchmarks import sides
from benchmarks.baseline.app import REDIS_URL, app, cheap, forget, gather, join, wait
from benchmarks.shapes import Shape
from benchmarks.work import PAYLOAD


class RawCelery:
    """Canvases of plain tasks.

    Args:
        keeps: whether the results of tasks that lead to one other task are kept, too.
    """

    name = "raw Celery"

    def __init__(self, *, keeps: bool = True) -> None:
        self.link = cheap if keeps else forget
        self.results = redis.Redis.from_url(REDIS_URL)

    def seconds(self, shape: Shape, *, runs: int, poll: float) -> float:
        """Sends the canvases one after the other; done when each one's last task has its result."""
        for key in self.results.scan_iter("celery-task-meta-*", count=1000):
            self.results.delete(key)
        backend: Any = app.backend
        started = time.monotonic()
        keys = [
            backend.get_key_for_task(canvas(shape, self.link).apply_async().id) for _ in range(runs)
        ]
        sides.wait_for(
            lambda: runs - int(self.results.exists(*keys)), poll=poll, what=f"raw Celery, {shape}"
        )
        return time.monotonic() - started


def canvas(shape: Shape, link: Task[Any, Any]) -> Signature[Any]:
    """The shape as Celery's documentation builds it."""
    if shape.kind == "chain":
        return chain(link.s(PAYLOAD), *(link.s() for _ in range(shape.size - 2)), cheap.s())
    body = gather.s() if shape.gathers else join.si(PAYLOAD)
    branch = wait.s(seconds=shape.seconds) if shape.seconds else cheap.s()
    return chain(link.s(PAYLOAD), chord([branch] * shape.size, body))
