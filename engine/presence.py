"""Shows that a worker or a beat lives: its row in `workflow_workers`, and who was seen lately."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from engine.models import WorkerKind, WorkflowWorker

logger = logging.getLogger(__name__)

_FORGET_AFTER = timedelta(days=1)
_MISSED = 3  # signs of life that may be late or lost


def stale_after() -> timedelta:
    """How long after its last sign of life a process counts as gone."""
    return timedelta(seconds=_MISSED * settings.ENGINE_RECONCILE_SECONDS)


def seen_lately(kind: WorkerKind) -> QuerySet[WorkflowWorker]:
    """The processes of a kind that live and take work."""
    return WorkflowWorker.objects.filter(
        kind=kind, stopping=False, seen_at__gt=Now() - stale_after()
    )


class Presence(threading.Thread):
    """Writes this process's row every `ENGINE_RECONCILE_SECONDS`, as long as its main loop turns.

    The loop calls `pulse`: a process whose loop hangs is to look dead, although this thread lives.
    """

    def __init__(self, row: WorkflowWorker, *, silent_after: float) -> None:
        super().__init__(name="presence", daemon=True)
        self._row = row
        self._silent_after = silent_after
        self._pulsed = time.monotonic()
        self._wake = threading.Event()
        self._left = threading.Event()
        self._hidden = False

    def pulse(self) -> None:
        """Says that the process's main loop turns."""
        self._pulsed = time.monotonic()

    def run(self) -> None:
        while not self._left.is_set():
            if self._row.stopping or time.monotonic() - self._pulsed < self._silent_after:
                self._show()
            self._wake.wait(settings.ENGINE_RECONCILE_SECONDS)
            self._wake.clear()

    def stop_taking_work(self) -> None:
        """Shows that the process is about to end. Touches no database: fit for a signal handler."""
        self._row.stopping = True
        self._wake.set()

    def leave(self) -> None:
        """Takes the row away, once."""
        if self._left.is_set():
            return
        self._left.set()
        self._wake.set()
        self.join(timeout=2)  # else its last write could bring the row back
        try:
            WorkflowWorker.objects.filter(id=self._row.id).delete()
        except DatabaseError as error:
            logger.warning("This process's row stays behind: %s", error)
        finally:
            connection.close()

    def _show(self) -> None:
        try:
            shown = WorkflowWorker.objects.filter(id=self._row.id).update(
                seen_at=Now(), stopping=self._row.stopping
            )
            if not shown:
                WorkflowWorker.objects.filter(seen_at__lt=Now() - _FORGET_AFTER).delete()
                self._row.save(force_insert=True)
            self._hidden = False
        except (DatabaseError, InterfaceError) as error:
            if not self._hidden:  # once an outage
                logger.warning("This process cannot show that it lives: %s", error)
            self._hidden = True
        finally:
            # The parent forks children at any time: no connection of its own may be open then.
            connection.close()
