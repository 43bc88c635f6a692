"""How long a step may take: one timer of the process, in its main thread."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from engine.errors import StepTimedOut


def prepare() -> None:
    """Has the timer of this process end steps: before the steps of each message, since whatever a
    step calls may take the signal for itself.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGALRM) is not _time_is_up:
        signal.signal(signal.SIGALRM, _time_is_up)


class TimeLimit:
    """Raises StepTimedOut in the `with` block after so many seconds, once `prepare` was called.

    Works in a process's main thread (prefork workers). On a thread pool the executor's own
    timeouts count: no signal reaches a thread.
    """

    __slots__ = ("_seconds",)
    _present = 0.0

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            TimeLimit._present = self._seconds
            signal.setitimer(signal.ITIMER_REAL, self._seconds)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, 0)


def _time_is_up(signum: int, frame: FrameType | None) -> None:
    raise StepTimedOut(f"The step took longer than its timeout of {TimeLimit._present:g} s.")
