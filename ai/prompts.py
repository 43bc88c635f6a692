"""From a step's configuration, or anybody's words, to a prompt within the deployment's limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.conf import settings

from ai.errors import PromptTooLarge
from ai.invisible import strip_invisible
from ai.providers.base import Prompt
from core.json import JsonObject
from engine import rules
from engine.context import WorkflowContext
from engine.definition import WorkflowStep

MAX_PROMPT_BYTES = 1024 * 1024
FILLED = ("prompt", "system")


class PromptEngine:
    """Prompts of AI steps. Only what a prompt names by `${...}` is sent."""

    def fill(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject:
        """The step's configuration, with the variables of its prompts filled in."""
        filled = {
            key: _text(rules.interpolate(step.config[key], context.data))
            for key in FILLED
            if key in step.config
        }
        return {**step.config, **filled}

    def generate(self, step: WorkflowStep) -> Prompt:
        """The prompt of a step whose configuration is filled in.

        Raises:
            PromptTooLarge: text and system message together.
        """
        config = step.config
        models = config.get("models") or [config.get("model"), *config.get("fallback_models", ())]
        named = "models" in config or "fallback_models" in config
        return new_prompt(
            config["prompt"],
            system=config.get("system", ""),
            schema=config.get("schema"),
            model=models[0],
            fallbacks=models[1:] if named else None,
            max_tokens=config.get("max_tokens"),
            temperature=config.get("temperature"),
            cache=config.get("cache", True),
            timeout=step.timeout,
        )


def new_prompt(
    text: str,
    *,
    system: str = "",
    schema: JsonObject | None = None,
    model: str | None = None,
    fallbacks: Sequence[str] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    cache: bool = True,
    timeout: float,
) -> Prompt:
    """A prompt within the deployment's limits, free of characters that nobody sees.

    Args:
        fallbacks: models to ask where the first does not answer; None: AI_FALLBACK_MODELS.
        max_tokens: at most AI_MAX_TOKENS, which is also the default.
        cache: whether an answer to the same question may be used again.
        timeout: seconds for all calls; each takes at most AI_TIMEOUT_SECONDS.

    Raises:
        PromptTooLarge: text and system message together.
    """
    text, system = strip_invisible(text), strip_invisible(system)
    size = len(text.encode()) + len(system.encode())
    if size > MAX_PROMPT_BYTES:
        raise PromptTooLarge(
            f"The prompt has {size:,} bytes; at most {MAX_PROMPT_BYTES:,} are sent."
        )
    first = model or settings.AI_MODEL
    others = settings.AI_FALLBACK_MODELS if fallbacks is None else fallbacks
    return Prompt(
        text=text,
        system=system,
        schema=schema,
        model=first,
        fallbacks=tuple(dict.fromkeys(name for name in others if name != first)),
        max_tokens=min(max_tokens or settings.AI_MAX_TOKENS, settings.AI_MAX_TOKENS),
        temperature=settings.AI_TEMPERATURE if temperature is None else temperature,
        cache=cache,
        timeout=min(timeout, settings.AI_TIMEOUT_SECONDS),
        within=timeout,
    )


def _text(value: Any) -> str:
    """A prompt that is one `${...}` has become a value of any type."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
