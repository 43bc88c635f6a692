"""A definition's `budget`: the most that the paid calls of one run may cost. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.errors import Problem
from engine.context import JsonObject

HARD_LIMIT = "hard_limit_usd"
_TOO_MUCH = 10**9
_PLACES = Decimal("0.0001")


def parse_budget(raw: JsonObject | None) -> tuple[Decimal | None, list[Problem]]:
    """The limit in US dollars that `{"hard_limit_usd": ..}` sets, and what is wrong with it."""
    if not isinstance(raw, dict):
        return None, []  # what is no object the caller has told of
    problems = [
        Problem(f"budget.{key[:80]}", f"unknown key '{key[:80]}'; known: {HARD_LIMIT}")
        for key in raw
        if key != HARD_LIMIT
    ]
    path = f"budget.{HARD_LIMIT}"
    given: Any = raw.get(HARD_LIMIT)
    number = isinstance(given, int | float) and not isinstance(given, bool)
    # NaN fails both comparisons.
    if not number or not 0 <= given < _TOO_MUCH:
        message = f"'{HARD_LIMIT}' is a number of US dollars from 0 to less than {_TOO_MUCH:,}"
        return None, [*problems, Problem(path, message)]
    usd = Decimal(str(given))
    if usd != usd.quantize(_PLACES):
        problems.append(Problem(path, f"'{HARD_LIMIT}' has at most four decimal places"))
    return usd, problems
