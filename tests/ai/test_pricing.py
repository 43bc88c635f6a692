from __future__ import annotations

import logging
from decimal import Decimal

import pytest
from pytest_django import Settings

from ai import pricing
from ai.pricing import cost_usd

OPENAI = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("model", "endpoint", "tokens", "cost"),
    [
        # 1,000 x $0.15 + 500 x $0.60 a million
        ("gpt-4o-mini", OPENAI, (1000, 500, 0), "0.00045"),
        ("gpt-4o-mini-2024-07-18", OPENAI, (1000, 500, 0), "0.00045"),
        # 900 x $0.15 + 100 x $0.075 + 500 x $0.60 a million
        ("gpt-4o-mini", OPENAI, (1000, 500, 100), "0.0004425"),
        ("gpt-4o-mini", OPENAI, (0, 0, 0), "0"),
        ("no-such-model", OPENAI, (1000, 500, 0), None),
        ("gpt-4o-mini", "http://localhost:11434/v1", (1000, 500, 0), None),
        ("gpt-4o-mini", "https://gateway.example/v1", (1000, 500, 0), None),
        ("gpt-4o-mini", OPENAI, (None, 500, 0), None),
    ],
)
def test_a_price_is_known_or_none(
    model: str,
    endpoint: str,
    tokens: tuple[int | None, int | None, int],
    cost: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pricing._warn_once.cache_clear()
    prompt, answer, cached = tokens
    with caplog.at_level(logging.WARNING):
        found = cost_usd(
            model=model,
            endpoint=endpoint,
            prompt_tokens=prompt,
            completion_tokens=answer,
            cached_tokens=cached,
        )
    assert found == (None if cost is None else Decimal(cost))
    assert bool(caplog.records) == (cost is None)


def test_each_model_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    pricing._warn_once.cache_clear()
    for model in ("one", "two", "one", "one"):
        for tokens in (1, None):
            cost_usd(model=model, endpoint=OPENAI, prompt_tokens=tokens, completion_tokens=1)
    said = [(record.levelname, "no price" in record.getMessage()) for record in caplog.records]
    assert said == [("WARNING", True), ("WARNING", False)] * 2


@pytest.mark.parametrize(
    ("model", "asked", "cost"),
    [
        # 900 x $2 + 100 x $1 + 500 x $4 a million
        ("own", "", "0.0039"),
        ("own-2026-01-01", "own", "0.0039"),
        # Without a price of its own, what was cached costs as much: 1,000 x $0.15 + 500 x $0.60
        ("gpt-4o-mini", "", "0.00045"),
        ("free", "", "0"),
        ("unknown", "", None),
    ],
)
def test_own_prices_come_first(
    settings: Settings, model: str, asked: str, cost: str | None
) -> None:
    settings.AI_PRICES = {
        "own": {"input": Decimal(2), "output": Decimal(4), "cached_input": Decimal(1)},
        "gpt-4o-mini": {"input": Decimal("0.15"), "output": Decimal("0.6"), "cached_input": None},
        "free": {"input": Decimal(0), "output": Decimal(0), "cached_input": None},
    }
    found = cost_usd(
        model=model,
        asked=asked,
        endpoint="http://localhost:11434/v1",
        prompt_tokens=1000,
        completion_tokens=500,
        cached_tokens=100,
    )
    assert found == (None if cost is None else Decimal(cost))
