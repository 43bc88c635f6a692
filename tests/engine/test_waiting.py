"""The decision alone: facts -> causes. The causes are injected for real in tests/acceptance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine.waiting import Facts, OpenStep, Queue, explain

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LEASE = timedelta(seconds=15)
IDLE = Queue(messages=0, workers=1, free=2, last_seen=NOW)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def a_step(status: str = "ready", *, step_id: str = "a", **fields: Any) -> OpenStep:
    return OpenStep(
        **{"step_id": step_id, "status": status, "since": ago(60), "queue": "default", **fields}
    )


def facts(*steps: OpenStep, **fields: Any) -> Facts:
    return Facts(
        **{
            "now": NOW,
            "paused_since": None,
            "steps": steps,
            "queues": {"default": IDLE},
            "lease": LEASE,
            **fields,
        }
    )


def causes(found: Facts) -> list[tuple[str, datetime | None]]:
    return [(reason.cause.value, reason.since) for reason in explain(found, slow_seconds=1)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (facts(a_step("waiting")), ("person", ago(60))),
        (facts(a_step(delayed_until=ago(-5), error_code="x")), ("retry_delay", ago(60))),
        (
            facts(a_step(delayed_until=ago(-5), error_code="key_unavailable")),
            ("key_unavailable", ago(60)),
        ),
        # Due since 20 s: what follows counts from then.
        (facts(a_step(delayed_until=ago(20)), queues=None), ("broker_down", ago(20))),
        (facts(a_step(), queues=None), ("broker_down", ago(60))),
        (facts(a_step(), queues={}), ("no_worker", ago(60))),
        (
            facts(a_step(), queues={"default": Queue(messages=1, workers=0, free=0)}),
            ("no_worker", ago(60)),
        ),
        # It has been ready for 60 s; the last worker went 10 s ago.
        (
            facts(
                a_step(),
                queues={"default": Queue(messages=1, workers=0, free=0, last_seen=ago(10))},
            ),
            ("no_worker", ago(10)),
        ),
        (facts(a_step(queue="ai")), ("no_worker", ago(60))),
        (
            facts(a_step(), queues={"default": Queue(messages=3, workers=1, free=0)}),
            ("queue_backlog", ago(60)),
        ),
        # The messages lie in the workers already.
        (
            facts(a_step(), queues={"default": Queue(messages=0, workers=1, free=0)}),
            ("queue_backlog", ago(60)),
        ),
        (facts(a_step()), ("message_lost", ago(60))),
        # Due, and not sent yet: nothing is lost.
        (facts(a_step(delayed_until=ago(4), resent_at=ago(4))), ("moving", ago(4))),
        (facts(a_step(delayed_until=ago(30), resent_at=ago(-9))), ("message_lost", ago(30))),
        (facts(a_step(since=ago(1))), ("moving", ago(1))),
        # A third of 15 s after the last renewal, and after two that did not come.
        (facts(a_step("running", lease_until=ago(-10))), ("moving", ago(60))),
        (facts(a_step("running", lease_until=ago(-5))), ("dead_worker", ago(10))),
        (facts(a_step("running", lease_until=ago(2))), ("dead_worker", ago(17))),
        (facts(a_step("running", lease_until=ago(2)), paused_since=ago(5)), ("paused", ago(5))),
        (facts(), ("nothing_open", None)),
    ],
)
def test_cause_and_since(found: Facts, expected: tuple[str, datetime | None]) -> None:
    assert causes(found) == [expected]


def test_alike_steps_are_told_together_by_queue() -> None:
    steps = [
        a_step(step_id="b", since=ago(5)),
        a_step(step_id="a", since=ago(9)),
        a_step(step_id="c", since=ago(7), queue="ai"),
    ]
    default, ai = explain(facts(*steps, queues={}), slow_seconds=1)
    assert (default.step_id, default.since, default.details["steps"]) == ("a", ago(9), 2)
    assert (ai.step_id, ai.details) == ("c", {"queue": "ai", "messages": 0})


def test_people_are_told_one_by_one() -> None:
    steps = [a_step("waiting", step_id=name) for name in "ab"]
    assert [reason.step_id for reason in explain(facts(*steps), slow_seconds=1)] == ["a", "b"]


def test_what_moves_comes_last_and_the_database_first() -> None:
    found = facts(
        a_step("running", lease_until=ago(-14)),
        a_step("waiting", step_id="b", since=ago(1)),
        blocked=2,
        blocked_since=ago(4),
    )
    assert causes(found) == [
        ("database_slow", ago(4)),
        ("person", ago(1)),
        ("moving", ago(60)),
    ]


def test_slow_answer() -> None:
    found = facts(a_step(since=ago(1)), answer_seconds=1.5)
    assert causes(found)[0] == ("database_slow", None)
    assert causes(facts(a_step(since=ago(1)), answer_seconds=0.5)) == [("moving", ago(1))]
