"""The most that a call may cost, known before it is sent."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import ROUND_CEILING, Decimal

from ai.pricing import price_usd
from ai.providers.base import Prompt

_PLACES = Decimal(1).scaleb(-10)  # of the columns
# Roles, separators and what an endpoint puts round messages and schemas.
_ENVELOPE_TOKENS = 512


def most_tokens(prompt: Prompt) -> int:
    """The most tokens that the prompt may be counted as.

    A token is at least one byte of UTF-8 in every tokenizer that models are served with. All that
    may be sent is counted: messages, the schema, and whatever else the prompt carries.
    """
    sent = json.dumps(asdict(prompt), ensure_ascii=False, default=str)
    # Escapes make it longer than the text, never shorter. A lone surrogate counts as three bytes.
    return len(sent.encode("utf-8", "surrogatepass")) + _ENVELOPE_TOKENS


def most_usd(prompt: Prompt, *, endpoint: str) -> Decimal | None:
    """The most that one call may cost, in US dollars; None where the model has no known price."""
    price = price_usd(
        model=prompt.model,
        endpoint=endpoint,
        prompt_tokens=most_tokens(prompt),
        completion_tokens=prompt.max_tokens,
    )
    return None if price is None else price.quantize(_PLACES, rounding=ROUND_CEILING)
