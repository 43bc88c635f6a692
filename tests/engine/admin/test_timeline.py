"""The time line's arithmetic, and how values look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from engine.admin.display import MAX_SHOWN, pretty, span
from engine.admin.forms import skeleton
from engine.admin.scale import Scale
from engine.admin.timeline import phases
from engine.models import ExecutionEvent, StepExecution

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, "-"),
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.35, "350 ms"),
        (0.9999, "1 s"),
        (1.234, "1.23 s"),
        (59.9, "59.9 s"),
        (59.96, "1 min"),
        (61.4, "1 min 1 s"),
        (3_600, "1 h"),
        (3_659, "1 h"),
        (5_400, "1 h 30 min"),
        (90_000, "1 d 1 h"),
        (-1, "0 ms"),
    ],
)
def test_span(seconds: float | None, expected: str) -> None:
    assert span(seconds) == expected


def test_long_values_are_cut() -> None:
    assert pretty({"a": "ü"}) == '{\n  "a": "ü"\n}'
    shown = pretty("x" * (MAX_SHOWN + 1_234))
    assert shown.endswith("and 1,234 characters more")
    assert len(shown) < MAX_SHOWN + 100


@pytest.mark.parametrize(
    ("length", "busy", "second", "expected"),
    [
        (10, [(0, 10)], 5, 50),
        (10, [], 5, 50),
        (0, [], 0, 0),
        (10, [(0, 4), (2, 6)], 12, 100),
        (10, [(-5, 20)], 5, 50),
        # 2 s of work and 98 s of waiting: the wait takes a quarter of the work's width, a fifth.
        (100, [(0, 2)], 2, 80),
        (100, [(0, 2)], 100, 100),
        (100, [(0, 1), (99, 100)], 1, 40),
        (100, [(0, 1), (99, 100)], 99, 60),
        # A wait shorter than the work is drawn as long as it is.
        (10, [(0, 6)], 6, 60),
    ],
)
def test_scale(
    length: float, busy: list[tuple[float, float]], second: float, expected: float
) -> None:
    assert Scale(length, busy).x(second) == pytest.approx(expected)


@pytest.mark.parametrize("length", [0.004, 0.8, 7, 61, 4_000, 90_000, 9_000_000])
@pytest.mark.parametrize("worked", [1.0, 0.5, 0.01])
def test_ticks_are_round_few_and_apart(length: float, worked: float) -> None:
    ticks = list(Scale(length, [(0, length * worked)]).ticks())
    assert ticks[0] == (0, 0)
    assert 2 <= len(ticks) <= 12
    places = [x for x, _ in ticks]
    assert all(right - left > 5 for left, right in pairwise(places))
    assert places[-1] <= 94


def test_only_the_longest_waits_are_drawn_short() -> None:
    scale = Scale(1_000, [(n * 100, n * 100 + 1) for n in range(10)])
    assert len(scale.breaks) == 2
    assert scale.x(1_000) == pytest.approx(100)


@pytest.mark.parametrize(
    ("events", "row", "expected"),
    [
        ([], {}, []),
        ([], {"status": "running", "started_at": at(1)}, [("running", 1, 9)]),
        (
            [],
            {"status": "completed", "started_at": at(1), "completed_at": at(3)},
            [("completed", 1, 3)],
        ),
        (
            [("ready", 0), ("started", 1)],
            {"status": "running"},
            [("ready", 0, 1), ("running", 1, 9)],
        ),
        (
            [("ready", 0), ("started", 1), ("waiting", 2)],
            {"status": "waiting"},
            [("ready", 0, 1), ("completed", 1, 2), ("waiting", 2, 9)],
        ),
        (
            [("started", 1), ("waiting", 2), ("completed", 5)],
            {"status": "completed", "completed_at": at(5)},
            [("completed", 1, 2), ("waiting", 2, 5)],
        ),
        (
            [("started", 1), ("retrying", 2), ("started", 4), ("failed", 5)],
            {"status": "failed"},
            [("retried", 1, 2), ("ready", 2, 4), ("failed", 4, 5)],
        ),
        (
            [("started", 1), ("lost", 4), ("started", 5), ("completed", 6)],
            {"status": "completed"},
            [("retried", 1, 4), ("ready", 4, 5), ("completed", 5, 6)],
        ),
        (
            [("started", 1), ("failed", 2), ("reset", 3), ("ready", 3), ("started", 4)],
            {"status": "running"},
            [("failed", 1, 2), ("ready", 3, 4), ("running", 4, 9)],
        ),
        ([("ready", 0), ("cancelled", 2)], {"status": "cancelled"}, [("ready", 0, 2)]),
        ([("started", 1), ("cancelled", 2)], {"status": "cancelled"}, [("cancelled", 1, 2)]),
        ([("skipped", 2)], {"status": "skipped"}, []),
    ],
)
def test_phases(events: list[tuple[str, float]], row: dict[str, Any], expected: list[Any]) -> None:
    step = StepExecution(step_id="a", **{"started_at": None, **row})
    told = [ExecutionEvent(kind=f"step.{kind}", created_at=at(when)) for kind, when in events]
    found = phases(step, told, at(9))
    assert [(p.kind, p.start, p.end) for p in found] == [(k, at(a), at(b)) for k, a, b in expected]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (None, {}),
        ({"type": "object"}, {}),
        ({"properties": {"a": {"type": "string"}, "b": {"default": 3}}}, {"a": "", "b": 3}),
        ({"properties": {"a": {"type": "number"}, "b": {}}, "required": ["a"]}, {"a": 0}),
        ({"properties": {"a": {"enum": ["x", "y"]}, "b": {"const": 1}}}, {"a": "x", "b": 1}),
        (
            {"properties": {"a": {"type": "object", "properties": {"n": {"type": "boolean"}}}}},
            {"a": {"n": False}},
        ),
        ({"required": ["unknown"]}, {"unknown": None}),
        ({"properties": {"a": {"type": ["string", "null"]}}}, {"a": None}),
    ],
)
def test_skeleton(schema: Any, expected: dict[str, Any]) -> None:
    assert skeleton(schema) == expected
