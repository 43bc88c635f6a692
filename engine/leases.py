"""Keeps the leases of this process's running steps alive, from one thread."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import Error, connection

from engine import statements
from engine.transitions.steps import lease

logger = logging.getLogger(__name__)


class LeaseKeeper:
    """Renews what is held, three times a lease, from a thread that the first step starts."""

    def __init__(self) -> None:
        self._held: dict[UUID, int] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    @contextmanager
    def hold(self, step_execution_id: UUID, attempt: int) -> Iterator[None]:
        """Renews the lease of this attempt as long as the block runs."""
        self._held[step_execution_id] = attempt
        if self._thread is None:
            self._start()
        try:
            yield
        finally:
            self._held.pop(step_execution_id, None)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._renew, name="leases", daemon=True)
                self._thread.start()

    def _renew(self) -> None:
        while not self._stop.wait(lease().total_seconds() / 3):
            held = list(self._held.copy().items())  # the copy is one operation, as steps' are
            if not held:
                continue
            try:
                statements.renew_leases(held, lease=lease())
            except Error:  # an end of this thread would end the leases of all that follows
                logger.warning("The leases of %d steps could not be renewed now.", len(held))
                connection.close()


keeper = LeaseKeeper()


def _restart_after_fork() -> None:
    # The thread stays behind in the parent; a child that inherited it as alive would never renew.
    global keeper
    keeper = LeaseKeeper()


os.register_at_fork(after_in_child=_restart_after_fork)


def owner() -> str:
    """This thread of this process, as rows name it: `host:pid:thread`."""
    return f"{socket.gethostname()}:{os.getpid()}:{threading.get_native_id()}"[-100:]
