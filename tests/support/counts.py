"""Attempts that are counted for all processes, in the tests' Redis."""

from __future__ import annotations

import pytest

from core import counters


def forget_counts() -> None:
    """Nobody has tried anything."""
    client = counters._client()
    for name in client.scan_iter("count:*"):
        client.delete(name)


@pytest.fixture
def fresh_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has tried anything, and the minute does not end."""
    forget_counts()
    monkeypatch.setattr(counters, "_now", lambda: 1_000_000_000.0)
