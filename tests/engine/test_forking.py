"""A process of the pool inherits no lock that a thread of its parent held."""

from __future__ import annotations

import os
import threading
import time

import pytest

from engine import forking
from engine.forking import unforked


def forked(lock: threading.Lock) -> bool:
    """Whether a child that is forked now gets the lock."""
    pid = os.fork()
    if pid == 0:
        with unforked():  # its own, whatever the parent's threads do
            os._exit(0 if lock.acquire(timeout=1) else 1)
    return os.waitpid(pid, 0)[1] == 0


def test_a_fork_waits_for_the_threads() -> None:
    lock, held = threading.Lock(), threading.Event()

    def work() -> None:
        for _ in range(3):
            with unforked(), lock:
                held.set()
                time.sleep(0.1)

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(5)
    assert [forked(lock) for _ in range(5)] == [True] * 5
    thread.join()


def test_a_fork_does_not_wait_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "_PATIENCE_SECONDS", 0.1)
    with unforked():
        assert forked(threading.Lock())


def test_threads_do_not_wait_for_each_other() -> None:
    entered = threading.Barrier(2, timeout=5)

    def work() -> None:
        with unforked():
            entered.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not entered.broken
