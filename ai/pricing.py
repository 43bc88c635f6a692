"""What a call costs, from the deployment's prices (AI_PRICES) or else the list inside
genai-prices: nothing is looked up online.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from functools import lru_cache

from django.conf import settings
from genai_prices import Usage, calc_price

logger = logging.getLogger(__name__)


def cost_usd(
    *,
    model: str,
    asked: str = "",
    endpoint: str,
    prompt_tokens: int | None,
    completion_tokens: int | None,
    cached_tokens: int = 0,
) -> Decimal | None:
    """The price in US dollars; None, with a warning, where model, endpoint or usage is not known.

    Each model is warned of once in each process: every call's row says whether its cost is known.

    Args:
        model: as the answer names it; asked: as the request did.
        endpoint, cached_tokens: as those of `price_usd`.
    """
    if prompt_tokens is None or completion_tokens is None:
        _warn_once("The cost of calls of %r is not known: no usage is reported", model)
        return None
    price = price_usd(
        model=model,
        asked=asked,
        endpoint=endpoint,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        cached_tokens=cached_tokens,
    )
    if price is None:
        _warn_once("The cost of calls of %r at %s is not known: no price", model, endpoint)
    return price


def price_usd(
    *,
    model: str,
    asked: str = "",
    endpoint: str,
    prompt_tokens: int,
    completion_tokens: int,
    cached_tokens: int = 0,
) -> Decimal | None:
    """What so many tokens cost in US dollars; None where the price is not known.

    AI_PRICES comes first, wherever the model runs.

    Args:
        model: as the answer names it; asked: as the request did.
        endpoint: URL of the API. The same model costs differently elsewhere: no price for an
            unknown one.
        cached_tokens: those of `prompt_tokens` that the endpoint took from its cache.
    """
    own = settings.AI_PRICES.get(model) or settings.AI_PRICES.get(asked)
    if own is not None:
        cached = min(cached_tokens, prompt_tokens)
        once = own["input"] if own["cached_input"] is None else own["cached_input"]
        dollars = (prompt_tokens - cached) * own["input"] + cached * once
        return Decimal(dollars + completion_tokens * own["output"]) / 1_000_000
    usage = Usage(
        input_tokens=prompt_tokens,
        output_tokens=completion_tokens,
        cache_read_tokens=min(cached_tokens, prompt_tokens),
    )
    try:
        return calc_price(usage, model_ref=model, provider_api_url=endpoint).total_price
    except (LookupError, ValueError):
        return None


@lru_cache(maxsize=1_000)
def _warn_once(message: str, *names: str) -> None:
    logger.warning(message, *names)
