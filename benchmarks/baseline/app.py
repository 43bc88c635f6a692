"""A plain Celery application with its fastest sensible settings.

Like the platform's workers: the same broker through the same socket (another database of it), the
same pool, no events. Messages are acknowledged early and a worker takes a good number of messages
at a time. Each task's result is kept in Redis for an hour, as Celery does unless told otherwise and
as the platform keeps each step's output; `forget` is the link of a chain that keeps none.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from benchmarks import work

REDIS_URL = os.environ["BASELINE_REDIS_URL"]
# kombu's form of a redis-py URL.
SOCKET_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")

app = Celery("baseline", set_as_current=False)
app.conf.update(
    broker_url=SOCKET_URL,
    result_backend=SOCKET_URL,
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    task_default_queue="baseline",
    task_acks_late=False,
    task_store_errors_even_if_ignored=False,
    task_send_sent_event=False,
    worker_send_task_events=False,
    worker_prefetch_multiplier=16,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    result_expires=3600,
)


@app.task(name="baseline.cheap")
def cheap(data: str) -> str:
    """A cheap step."""
    return work.cheap(data)


@app.task(name="baseline.forget", ignore_result=True)
def forget(data: str) -> str:
    """A cheap step whose result goes on to the next one and is not kept."""
    return work.cheap(data)


@app.task(name="baseline.gather")
def gather(parts: list[str]) -> str:
    """A join that reads its branches."""
    return work.gather(parts)


@app.task(name="baseline.join")
def join(data: str) -> str:
    """A join that reads nothing of them."""
    return work.cheap(data)


@app.task(name="baseline.wait")
def wait(data: str, seconds: float) -> str:
    """A step that waits."""
    return work.wait(seconds, data)


@app.task(name="baseline.nothing", ignore_result=True)
def nothing(*_: Any) -> None:
    """An empty message, to see what a message costs."""
