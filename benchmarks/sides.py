"""What both sides do: run a shape so many times, from the first submission to the last result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from benchmarks.shapes import Shape


class Side(Protocol):
    """One of the things compared."""

    name: str

    def seconds(self, shape: Shape, *, runs: int, poll: float) -> float:
        """Submits the runs one after the other and waits for the end of all; how long it took."""


class Stuck(Exception):
    """A side did not come to an end."""


def wait_for(left: Callable[[], int], *, poll: float, limit: float = 600, what: str) -> None:
    """Returns when nothing is left; looks every `poll` seconds."""
    deadline = time.monotonic() + limit
    while count := left():
        if time.monotonic() > deadline:
            raise Stuck(f"{what}: {count} not done after {limit:g} s")
        time.sleep(poll)
