from __future__ import annotations

import logging
from decimal import Decimal

import pytest

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
