"""The one way in which the platform asks a language model: bounded, checked, measured, recorded."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from ai.attempts import Attempt
from ai.calls import Answer, Caller
from ai.errors import PromptTooLarge
from ai.invisible import strip_invisible
from ai.parsing import CUT_OFF, AIResponseParser
from ai.providers.base import Prompt, Provider
from ai.providers.offline import OfflineProvider
from ai.providers.openai import OpenAIProvider
from core.json import JsonObject

__all__ = ["Answer", "Caller", "ask", "new_prompt", "provider"]

MAX_PROMPT_BYTES = 1024 * 1024
MAX_TEXT = 1_000_000  # characters of an answer

_parser = AIResponseParser()


def provider() -> Provider:
    """The configured endpoint; without a key, the built-in provider that asks no model."""
    if settings.OPENAI_API_KEY:
        return OpenAIProvider(endpoint=settings.MODEL_ENDPOINT, api_key=settings.OPENAI_API_KEY)
    return OfflineProvider()


def new_prompt(
    text: str,
    *,
    system: str = "",
    schema: JsonObject | None = None,
    model: str | None = None,
    max_tokens: int | None = None,
    timeout: float,
) -> Prompt:
    """A prompt within the deployment's limits, free of characters that nobody sees.

    Args:
        max_tokens: at most AI_MAX_TOKENS, which is also the default.
        timeout: seconds; at most AI_TIMEOUT_SECONDS are taken.

    Raises:
        PromptTooLarge: text and system message together.
    """
    text, system = strip_invisible(text), strip_invisible(system)
    size = len(text.encode()) + len(system.encode())
    if size > MAX_PROMPT_BYTES:
        raise PromptTooLarge(
            f"The prompt has {size:,} bytes; at most {MAX_PROMPT_BYTES:,} are sent."
        )
    return Prompt(
        text=text,
        system=system,
        schema=schema,
        model=model or settings.AI_MODEL,
        max_tokens=min(max_tokens or settings.AI_MAX_TOKENS, settings.AI_MAX_TOKENS),
        temperature=settings.AI_TEMPERATURE,
        timeout=min(timeout, settings.AI_TIMEOUT_SECONDS),
    )


def ask(prompt: Prompt, *, caller: Caller, via: Provider | None = None) -> Answer:
    """Asks and keeps a row of every call in ai_step_executions, whether it succeeds or fails.

    Raises:
        AIError: the last row says why.
    """
    via = via or provider()
    return _call(prompt, caller, via, number=1)


def _call(prompt: Prompt, caller: Caller, via: Provider, *, number: int) -> Answer:
    """One call of one model: one row."""
    with Attempt(prompt, caller, via, number=number) as attempt:
        completion = via.complete(prompt)
        completion = replace(completion, text=strip_invisible(completion.text[:MAX_TEXT]))
        attempt.answered(completion)
        data = _parser.parse(prompt, completion)
    notice = completion.notice
    if completion.finish == "length":
        notice = " ".join(filter(None, (notice, CUT_OFF.format(prompt.max_tokens))))
    return Answer(
        text=completion.text,
        data=data,
        model=completion.model,
        provider=via.name,
        notice=notice,
        tokens=attempt.row.tokens_used,
        cost_usd=attempt.row.exact_cost_usd,
    )
