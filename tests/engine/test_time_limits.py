from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator

import pytest

from engine import time_limits
from engine.errors import StepTimedOut
from engine.time_limits import TimeLimit


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.signal(signal.SIGALRM, before)


def test_ends_a_step_that_takes_too_long() -> None:
    time_limits.prepare()
    with pytest.raises(StepTimedOut, match=r"0\.05 s"), TimeLimit(0.05):
        time.sleep(5)


def test_ends_with_its_step() -> None:
    time_limits.prepare()
    with TimeLimit(0.05):
        pass
    with pytest.raises(ValueError, match="its own"), TimeLimit(0.05):
        raise ValueError("its own")
    time.sleep(0.1)


def test_the_signal_is_taken_back_from_an_earlier_step() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    time_limits.prepare()
    with pytest.raises(StepTimedOut), TimeLimit(0.05):
        time.sleep(5)


def test_a_thread_has_none() -> None:
    waited = threading.Event()

    def work() -> None:
        time_limits.prepare()
        with TimeLimit(0.01):
            time.sleep(0.05)
        waited.set()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert waited.is_set()
