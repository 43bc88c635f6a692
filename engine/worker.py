"""What a Celery worker and a beat of this platform do besides their tasks."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import signal
import socket
from contextlib import suppress
from typing import Any

from celery.signals import (
    beat_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutting_down,
)
from django.conf import settings
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from core import tracing
from engine import broker
from engine.forking import unforked
from engine.models import WorkerKind, WorkflowWorker
from engine.presence import Presence
from engine.reconcile import Reconciler
from engine.stopping import Handover

logger = logging.getLogger(__name__)

_PULSE_SECONDS = 1.0
# Celery looks when a process of its pool closes its pipes, which is just before it can be known as
# ended, and then every 5 s: half of those that were killed left a gap for so long.
_REPLACE_SECONDS = 0.2
_WORKER_SILENT_SECONDS = 10.0
_BEAT_SILENT_SECONDS = 60.0  # it turns at least every CELERY_BEAT_MAX_LOOP_INTERVAL

_running: list[tuple[Reconciler, Presence, Handover]] = []


@worker_ready.connect
def start(sender: Any, **_: Any) -> None:
    """Starts what lives beside the consumer, and serves the figures of this machine's processes.

    Args:
        sender: Celery's consumer.
    """
    presence = Presence(
        _worker_row(sender),
        silent_after=_WORKER_SILENT_SECONDS,
        on_hang=lambda still: _end_hung(still, presence, _step_processes(sender.pool)),
    )
    sender.presence = presence
    handover = Handover(lambda: _step_processes(sender.pool), leave=presence.leave)
    reconciler = Reconciler()
    sender.timer.call_repeatedly(_PULSE_SECONDS, presence.pulse)
    gc.collect()
    gc.freeze()  # Celery collects before each fork: not through all that was imported any more
    if (replace_ended := getattr(sender.pool, "maintain_pool", None)) is not None:
        sender.timer.call_repeatedly(_REPLACE_SECONDS, replace_ended)
    for thread in (presence, handover, reconciler):
        thread.start()
    _running.append((reconciler, presence, handover))
    # Last registered, first called: the row goes when the steps have been seen to.
    atexit.register(presence.leave)
    atexit.register(handover.finish)
    serve_metrics(settings.PROMETHEUS_PORT)


@worker_shutting_down.connect
def stop(**_: Any) -> None:
    """Ends the reconciler, and begins to hand over. Runs in a signal handler."""
    for reconciler, presence, handover in _running:
        reconciler.stop()
        presence.stop_taking_work()
        handover.begin()


@worker_process_shutdown.connect
def end_process(**_: Any) -> None:
    """Sends the last spans of a process of the pool, which runs no `atexit`."""
    tracing.close()


@beat_init.connect
def start_beat(sender: Any, **_: Any) -> None:
    """Shows that beat lives, as long as its loop turns.

    Args:
        sender: Celery's beat service.
    """
    row = WorkflowWorker(kind=WorkerKind.BEAT, name=f"beat@{socket.gethostname()}", **_process())
    presence = Presence(row, silent_after=_BEAT_SILENT_SECONDS)
    tick = sender.scheduler.tick

    def tick_and_tell(*args: Any, **kwargs: Any) -> Any:
        presence.pulse()
        return tick(*args, **kwargs)

    sender.scheduler.tick = tick_and_tell
    presence.start()
    atexit.register(presence.leave)


def _worker_row(consumer: Any) -> WorkflowWorker:
    return WorkflowWorker(
        kind=WorkerKind.WORKER,
        name=consumer.hostname,
        queues=sorted(consumer.app.amqp.queues.consume_from),
        pool=consumer.pool.__module__.rpartition(".")[2],
        concurrency=consumer.controller.concurrency,
        **_process(),
    )


def _process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid()}


def _step_processes(pool: Any) -> list[int]:
    """The pool's processes; this one, where it runs steps on threads."""
    processes = getattr(getattr(pool, "_pool", None), "_pool", None)
    return [os.getpid()] if processes is None else [process.pid for process in processes]


def _end_hung(still: float, presence: Presence, processes: list[int]) -> None:
    """Ends this worker, which takes nothing and gives nothing back, unless it is the broker that
    hangs. Whatever supervises the worker starts it anew, and the leases of its steps run out.
    """
    with unforked():
        if broker.queue_lengths() is None:
            presence.excuse()
            return
    logger.critical("The event loop has stood still for %.0f s: this worker ends.", still)
    for pid in processes:
        if pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    os._exit(os.EX_SOFTWARE)


def serve_metrics(port: int) -> None:
    """Serves /metrics on the port, unless 0. Workers of one machine share figures, so the first
    one serves them.
    """
    if not port:
        return
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    try:
        start_http_server(port, addr=settings.PROMETHEUS_HOST, registry=registry)
    except OSError as error:
        logger.info("Metrics are not served on port %d by this worker: %s", port, error)
