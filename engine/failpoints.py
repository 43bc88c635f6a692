"""Places at which a test lets a process die, fail or stall; inert unless ENGINE_FAILPOINT is set.

ENGINE_FAILPOINT names a folder. A file `<point>.<action>` in it arms that point once: the first
process that gets there takes the file away and acts.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import OperationalError

POINTS = (
    "before_claim",
    "after_claim",
    "after_effect",
    "before_commit",
    "after_commit",
    "after_publish",
)

# Not among the settings: no deployment sets it, and workers of tests alone inherit it.
_FOLDER = Path(os.environ.get("ENGINE_FAILPOINT", ""))
_ARMED = "ENGINE_FAILPOINT" in os.environ


def reach(point: str) -> None:
    """Says that the process has come to this point."""
    if _ARMED:
        _act(point)


def _act(point: str) -> None:
    for name, act in ACTIONS.items():
        try:
            (_FOLDER / f"{point}.{name}").unlink()
        except FileNotFoundError:
            continue
        act()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise() -> None:
    """As a connection that is cut: what was asked for may have happened or not."""
    raise OperationalError("failpoint")


def _sleep() -> None:
    """Longer than a lease holds without renewal."""
    time.sleep(settings.ENGINE_LEASE_SECONDS * 2)


ACTIONS: dict[str, Callable[[], None]] = {"kill": _kill, "raise": _raise, "sleep": _sleep}
