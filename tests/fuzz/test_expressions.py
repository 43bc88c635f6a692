"""100,000 generated expressions: a JSON value or a typed error, in bounded time."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from engine import rules
from engine.rules import Expression, ExpressionError
from tests.fuzz.expressions import any_expression, expression

VARIABLES: dict[str, Any] = {
    "inputs": {
        "list": [1, 2, 2.5, -3],
        "big": list(range(2_000)),
        "rows": [{"a": n, "b": str(n)} for n in range(50)],
        "texts": ["a", "bb", "é", ""],
        "text": "some text, éß😀" * 20,
        "number": 12.5,
        "map": {"a": 1, "b": {"c": [1, 2]}},
        "deep": {"deep": {"deep": {"deep": 1}}},
    },
    "steps": {"done": {"status": "completed", "output": {"value": 4, "list": [True, None]}}},
    "run": {"id": "1", "started_at": "2026-11-22T10:00:00+00:00"},
}
# Of the processor, which others may use too: on an idle machine the slowest takes 3.
SECONDS = 15.0


@pytest.mark.timeout(7200)
def test_expressions(fuzz: random.Random, amount: Callable[[int], int]) -> None:
    kept = copy.deepcopy(VARIABLES)
    valued, slowest = 0, (0.0, "")
    for _ in range(amount(100_000)):
        source = any_expression(fuzz)
        started = time.process_time()
        problems = rules.check(Expression("here", source))
        message, value = "", None
        try:
            value = rules.evaluate(source, VARIABLES)
        except ExpressionError as error:
            message = error.message or "no message"
        elapsed = time.process_time() - started
        message.encode()
        if not message:
            valued += 1
            json.dumps(value, allow_nan=False)
            # Whatever has a value could be saved, or it reads what is there by chance.
            assert not problems or "there is no variable" in problems[0].message, source
        slowest = max(slowest, (elapsed, source))
        assert elapsed < SECONDS, (elapsed, source)
    assert kept == VARIABLES
    assert valued > amount(100_000) / 20
    print(f"{valued} had a value; the slowest took {slowest[0]:.2f} s: {slowest[1]!r}")  # noqa: T201


@pytest.mark.timeout(7200)
def test_templates(fuzz: random.Random, amount: Callable[[int], int]) -> None:
    """`${...}` in texts: what comes out is JSON, what does not is a typed error."""
    for _ in range(amount(10_000)):
        pieces = [fuzz.choice(["", "text ", "$${", "${", "}", "$", "{"]) for _ in range(3)]
        template = f"{pieces[0]}${{{expression(fuzz, 3)}}}{pieces[1]}${{{any_expression(fuzz)}}}"
        config = {"a": [template, {"b": template + pieces[2]}]}
        found = rules.interpolations(config, "config")
        assert all(each.path.startswith("config.a[") for each in found)
        try:
            value = rules.interpolate(config, VARIABLES)
        except ExpressionError:
            continue
        json.dumps(value, allow_nan=False)
