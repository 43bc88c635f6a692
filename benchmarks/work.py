"""What a step does, on every side: 1 KB in and out, or a wait."""

from __future__ import annotations

import time

PAYLOAD = "0123456789abcdef" * 64


def cheap(data: str) -> str:
    """The text, turned by one character."""
    return data[1:] + data[:1]


def gather(parts: list[str]) -> str:
    """What a join makes of its branches: the greatest of their texts."""
    return max(parts)


def wait(seconds: float, data: str) -> str:
    """Waits as a call to another service does, then gives the text back."""
    time.sleep(seconds)
    return data
