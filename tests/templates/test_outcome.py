from __future__ import annotations

from typing import Any

import pytest

from templates.outcome import differences


@pytest.mark.parametrize(
    ("wanted", "actual", "found"),
    [
        ({}, {"a": 1}, []),
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": 0.2292585}, {"a": 0.22925848}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": {"b": [1, {"c": "x"}]}}, {"a": {"b": [1, {"c": "x", "d": 0}]}}, []),
        ({"a": 1}, {}, ["results.a: missing"]),
        ({"a": 1}, {"a": True}, ["results.a: expected 1, got True"]),
        ({"a": 1.0}, {"a": 1.01}, ["results.a: expected 1.0, got 1.01"]),
        ({"a": [1]}, {"a": [1, 2]}, ["results.a: expected [1], got [1, 2]"]),
        ({"a": [1, 2]}, {"a": [1, 3]}, ["results.a[1]: expected 2, got 3"]),
        ({"a": {"b": 1}}, {"a": None}, ["results.a: expected {'b': 1}, got None"]),
    ],
)
def test_results(wanted: Any, actual: Any, found: list[str]) -> None:
    expected = {"results": wanted}
    assert differences(expected, status="completed", results=actual, steps={}) == found


def test_status_and_steps() -> None:
    expected = {"status": "completed", "steps": {"a": "skipped", "b": "completed"}, "answers": {}}
    assert differences(expected, status="failed", results=None, steps={"a": "skipped"}) == [
        "status: expected 'completed', got 'failed'",
        "steps.b: missing",
    ]
