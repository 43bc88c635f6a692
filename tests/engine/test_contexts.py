"""What is kept of runs in memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest

from core.ids import uuid7
from engine import contexts
from engine.models import WorkflowExecution


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads take turns as often as Python lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_threads")
def test_threads_may_start_many_runs_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "_starts", {})
    monkeypatch.setattr(contexts, "_read", Mock())

    def start(count: int) -> None:
        for _ in range(count):
            contexts.start_context(WorkflowExecution(id=uuid7()))

    with ThreadPoolExecutor(8) as pool:
        for outcome in [pool.submit(start, 2_000) for _ in range(8)]:
            outcome.result()
    assert len(contexts._starts) <= contexts._KEPT
