"""A worker that is asked to stop finishes its steps or hands them back, at once and uncounted."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

import psutil
from billiard import common as pool_process
from celery.exceptions import WorkerShutdown, WorkerTerminate
from django.conf import settings
from django.db import connection

from engine import canvas, definitions, spans
from engine.forking import unforked
from engine.models import StepExecution, StepStatus
from engine.transitions import steps

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
_UNWIND_SECONDS = 1.0  # for the `finally` blocks of a step that is ended


def ends_process(error: BaseException) -> bool:
    """Whether this is how a worker, or whoever sits before it, ends this process: not what a step's
    function raised by itself, such as by `sys.exit`.
    """
    if isinstance(error, KeyboardInterrupt):
        return _can_be_interrupted()
    if isinstance(error, WorkerShutdown | WorkerTerminate):
        return True
    return bool(pool_process.terminate_handler_fired())  # type: ignore[attr-defined]


def _can_be_interrupted() -> bool:
    """Whether SIGINT makes Python raise KeyboardInterrupt here: not on other threads than the main
    one, nor in a worker's process, which ignores the signal.
    """
    main = threading.current_thread() is threading.main_thread()
    return main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Handover(threading.Thread):
    """Waits for the worker to be stopped, then sees to the steps that it still runs.

    They may finish within `ENGINE_STOP_SECONDS`. What then still runs is ended with its process and
    handed back; so is at once what a pool process ran that died meanwhile.

    Args:
        processes: the ids of the processes that run steps, asked for when the stop begins.
        leave: called before a process that runs steps on its own threads ends itself: no signal
            reaches a thread, and Python waits for all of them.
    """

    def __init__(
        self, processes: Callable[[], Collection[int]], *, leave: Callable[[], None]
    ) -> None:
        super().__init__(name="handover", daemon=True)
        self._processes = processes
        self._leave = leave
        self._asked = threading.Event()
        self._pids: set[int] = set()
        self._over = threading.Event()

    def begin(self) -> None:
        """The worker stops. Touches no database: fit for a signal handler."""
        self._asked.set()

    def finish(self) -> None:
        """Hands back what is left of a worker whose main thread has done all it does."""
        if self._asked.is_set():
            self._over.set()
            self.join(timeout=5)

    def run(self) -> None:
        self._asked.wait()
        self._pids = set(self._processes())
        deadline = time.monotonic() + settings.ENGINE_STOP_SECONDS
        while not self._over.wait(_LOOK_SECONDS) and time.monotonic() < deadline:
            self._hand_back(self._dead())
        if not self._over.is_set():
            self._end()
        self._hand_back(self._dead())

    def _end(self) -> None:
        if os.getpid() in self._pids:
            if self._hand_back({os.getpid()}):
                self._leave()
                os._exit(0)
            return
        for signum in (signal.SIGTERM, signal.SIGKILL):
            alive = self._pids - self._dead()
            for pid in alive:
                with suppress(ProcessLookupError):
                    os.kill(pid, signum)
            limit = time.monotonic() + _UNWIND_SECONDS
            while not alive <= self._dead() and time.monotonic() < limit:
                time.sleep(0.02)

    def _dead(self) -> set[int]:
        return {pid for pid in self._pids if not _lives(pid)}

    @unforked()
    def _hand_back(self, pids: set[int]) -> int:
        """Makes ready and sends what these processes ran, once; how many steps that were."""
        if not pids:
            return 0
        try:
            held = _held_by(pids)
            for row in held:
                _give_up(row)
        except Exception:
            logger.exception("Steps were not handed back; their leases will run out.")
            return 0
        finally:
            connection.close()
        self._pids -= pids
        return len(held)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _held_by(pids: Collection[int]) -> list[StepExecution]:
    owners = tuple(f"{socket.gethostname()}:{pid}:" for pid in pids)
    running = StepExecution.objects.filter(status=StepStatus.RUNNING).only(
        "id",
        "execution_id",
        "step_id",
        "step_type",
        "scope",
        "position",
        "attempt",
        "lease_owner",
        "started_at",
    )
    return [row for row in running.iterator() if row.lease_owner.startswith(owners)]


def _give_up(row: StepExecution) -> None:
    advance = steps.hand_back(row)
    if advance is not None:
        spans.record_lost(row, "handed_back")
        logger.warning("run %s: step %r handed back", row.execution_id, row.step_id)
        canvas.send(row.execution_id, definitions.of_run(row.execution_id), advance.ready)
