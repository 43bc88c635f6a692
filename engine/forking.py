"""Forks of a worker's parent process, which has threads beside its loop.

A child inherits every lock as it is at the moment of the fork. One that a thread of the parent
held just then (of the figures, of a connection, of an import) is never released in the child: the
first step that needs it would wait forever, its lease renewed all the time. So the threads work in
`unforked` blocks, for whose end a fork waits.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE_SECONDS = 5.0  # a thread may wait for a database that does not answer


class _Gate:
    """How many threads are at work, and the lock that a fork holds."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.working = 0


_gate = _Gate()


@contextmanager
def unforked() -> Iterator[None]:
    """The process does not fork in this block, unless it lasts for more than 5 seconds."""
    with _gate.changed:
        _gate.working += 1
    try:
        yield
    finally:
        with _gate.changed:
            _gate.working -= 1
            _gate.changed.notify_all()


def _before() -> None:
    _gate.changed.acquire()
    _gate.changed.wait_for(lambda: _gate.working == 0, timeout=_PATIENCE_SECONDS)


def _after_in_child() -> None:
    global _gate
    _gate = _Gate()


os.register_at_fork(
    before=_before,
    after_in_parent=lambda: _gate.changed.release(),
    after_in_child=_after_in_child,
)
