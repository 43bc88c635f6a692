"""What a Celery worker of this platform does besides running tasks."""

from __future__ import annotations

import logging
from typing import Any

from celery.signals import worker_ready, worker_shutting_down
from django.conf import settings
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector

from engine.reconcile import Reconciler

logger = logging.getLogger(__name__)

_reconcilers: list[Reconciler] = []


@worker_ready.connect
def start(**_: Any) -> None:
    """Starts the reconciler and serves the figures of all processes of this machine."""
    reconciler = Reconciler()
    reconciler.start()
    _reconcilers.append(reconciler)
    serve_metrics(settings.PROMETHEUS_PORT)


@worker_shutting_down.connect
def stop(**_: Any) -> None:
    """Ends the reconciler with the worker."""
    for reconciler in _reconcilers:
        reconciler.stop()


def serve_metrics(port: int) -> None:
    """Serves /metrics on the port, unless 0. Workers of one machine share figures, so the first
    one serves them.
    """
    if not port:
        return
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    try:
        start_http_server(port, addr="0.0.0.0", registry=registry)  # noqa: S104 - scraped from outside
    except OSError as error:
        logger.info("Metrics are not served on port %d by this worker: %s", port, error)
