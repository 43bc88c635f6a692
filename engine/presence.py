"""Shows that a worker or a beat lives: its row in `workflow_workers`, and who was seen lately."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from engine.forking import unforked
from engine.models import WorkerKind, WorkflowWorker

logger = logging.getLogger(__name__)

_FORGET_AFTER = timedelta(days=1)
_MISSED = 3  # signs of life that may be late or lost
_HUNG_SECONDS = 60.0


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

    def __init__(
        self,
        row: WorkflowWorker,
        *,
        silent_after: float,
        on_hang: Callable[[float], None] | None = None,
    ) -> None:
        """
        Args:
            silent_after: seconds without `pulse` after which the process is not shown as alive.
            on_hang: called with the seconds for which the loop has stood still without an excuse,
                once they are more than 60.
        """
        super().__init__(name="presence", daemon=True)
        self._row = row
        self._silent_after = silent_after
        self._on_hang = on_hang
        self._pulsed = self._excused = time.monotonic()
        self._wake = threading.Event()
        self._left = threading.Event()
        self._hidden = False

    def pulse(self) -> None:
        """Says that the process's main loop turns."""
        self._pulsed = time.monotonic()

    def excuse(self) -> None:
        """Says that the loop stands still for a reason, such as a broker that is away."""
        self._excused = time.monotonic()

    def run(self) -> None:
        hung = 0
        while not self._left.is_set():
            now = time.monotonic()
            if self._row.stopping or now - self._pulsed < self._silent_after:
                self._show()
            still = now - max(self._pulsed, self._excused)
            # Looked at twice: behind a halt of the whole process this thread may be the first.
            hung = hung + 1 if still > _HUNG_SECONDS and not self._row.stopping else 0
            if hung > 1 and self._on_hang is not None:
                self._on_hang(still)
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

    @unforked()
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
            connection.close()
