"""UUIDv7 (RFC 9562): ids that the client makes and that sort by time of creation."""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime
from uuid import UUID

_COUNTER_BITS = 42
_COUNTER_MAX = (1 << _COUNTER_BITS) - 1
_VERSION_AND_VARIANT = (0x7 << 76) | (0x2 << 62)


class _Clock:
    """The last (millisecond, counter) given out by this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.millisecond = -1
        self.counter = 0

    def tick(self) -> tuple[int, int]:
        """The next pair, greater than every earlier one even if the system clock steps back."""
        with self.lock:
            now = time.time_ns() // 1_000_000
            if now > self.millisecond:
                self.millisecond = now
                self.counter = _fresh_counter()
            elif self.counter < _COUNTER_MAX:
                self.counter += 1
            else:
                self.millisecond += 1
                self.counter = _fresh_counter()
            return self.millisecond, self.counter


def _fresh_counter() -> int:
    # The top bit stays clear, so that a millisecond has room for 2^41 more ids.
    return int.from_bytes(os.urandom(6), "big") >> (48 - _COUNTER_BITS + 1)


_clock = _Clock()


def _restart_after_fork() -> None:
    # A child would continue its parent's counter, and could inherit a lock that is held.
    global _clock
    _clock = _Clock()


os.register_at_fork(after_in_child=_restart_after_fork)


def uuid7() -> UUID:
    """A new UUIDv7, greater than every earlier one of this process.

    48 bits of Unix milliseconds, a 42-bit counter seeded at random each millisecond (RFC 9562,
    section 6.2, method 1), 32 random bits.
    """
    millisecond, counter = _clock.tick()
    tail = int.from_bytes(os.urandom(4), "big")
    return UUID(
        int=(millisecond & 0xFFFF_FFFF_FFFF) << 80
        | (counter >> 30) << 64
        | (counter & 0x3FFF_FFFF) << 32
        | tail
        | _VERSION_AND_VARIANT
    )


def lowest_uuid7(moment: datetime) -> UUID:
    """What sorts before every UUIDv7 of this millisecond and after those of earlier ones."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
