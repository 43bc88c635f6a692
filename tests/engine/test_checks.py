from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import checks, functions
from engine.functions import workflow_function


@pytest.fixture
def lonely() -> Iterator[None]:
    @workflow_function("tests.lonely", queue="nobody")
    def call() -> None: ...

    yield
    functions._functions.pop("tests.lonely")


def test_all_queues_are_served() -> None:
    assert checks.queues_have_workers() == []


@pytest.mark.usefixtures("lonely")
def test_a_queue_without_workers_is_an_error() -> None:
    [error] = checks.queues_have_workers()
    assert error.id == "workflow_engine.E001"
    assert "function tests.lonely runs on the queue 'nobody'" in error.msg
