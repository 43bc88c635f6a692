from __future__ import annotations

import multiprocessing
import threading
import time
from multiprocessing.queues import SimpleQueue
from uuid import RFC_4122, UUID

import pytest

from core import ids
from core.ids import uuid7


def test_layout_is_that_of_rfc_9562() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid7()
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == RFC_4122
    assert before <= made.int >> 80 <= after


def test_ids_of_a_process_rise_and_never_repeat() -> None:
    made = [uuid7() for _ in range(50_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


@pytest.mark.parametrize("step_back_ms", [1, 3_600_000])
def test_a_clock_that_steps_back_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, step_back_ms: int
) -> None:
    now = time.time_ns()
    times = iter([now, now - step_back_ms * 1_000_000, now - step_back_ms * 1_000_000, now])
    monkeypatch.setattr(ids, "_clock", ids._Clock())
    monkeypatch.setattr("core.ids.time.time_ns", lambda: next(times))
    made = [uuid7() for _ in range(4)]
    assert made == sorted(set(made))


def test_a_full_counter_borrows_from_the_next_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ids._Clock()
    monkeypatch.setattr(ids, "_clock", clock)
    first = uuid7()
    clock.millisecond += 1000
    clock.counter = ids._COUNTER_MAX
    second = uuid7()
    assert second > first
    assert second.int >> 80 == clock.millisecond


def test_threads_never_share_an_id() -> None:
    made: list[UUID] = []
    threads = [
        threading.Thread(target=lambda: made.extend([uuid7() for _ in range(2000)]))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 16_000


def _make(results: SimpleQueue[list[UUID]]) -> None:
    results.put([uuid7() for _ in range(2000)])


def test_forked_children_do_not_continue_their_parents_counter() -> None:
    context = multiprocessing.get_context("fork")
    results: SimpleQueue[list[UUID]] = context.SimpleQueue()
    uuid7()
    with ids._clock.lock:  # a child must not inherit a lock that some thread holds
        children = [context.Process(target=_make, args=(results,)) for _ in range(4)]
        for child in children:
            child.start()
        made = [made for _ in children for made in results.get()]
    for child in children:
        child.join(timeout=10)
        assert child.exitcode == 0
    assert len(set(made)) == 8000
