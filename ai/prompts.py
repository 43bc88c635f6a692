"""From a step's configuration, or anybody's words, to a prompt within the deployment's limits."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.conf import settings

from ai import tools as declared
from ai.errors import PromptTooLarge
from ai.invisible import strip_invisible
from ai.providers.base import Prompt, Tool
from ai.safety.filters import MAX_PROMPT_BYTES, PromptValidator
from ai.safety.marking import Marked
from core.json import JsonObject
from engine import rules
from engine.context import WorkflowContext
from engine.definition import WorkflowStep
from engine.values import written

__all__ = ["FILLED", "MAX_PROMPT_BYTES", "PromptEngine", "new_prompt"]

FILLED = ("prompt", "system")

_validator = PromptValidator()


class PromptEngine:
    """Prompts of AI steps. Only what a prompt names by `${...}` is sent."""

    def fill(self, step: WorkflowStep, context: WorkflowContext) -> JsonObject:
        """The step's configuration, with the variables of its prompts filled in."""
        filled = {
            key: _filled(step.config[key], context.data) for key in FILLED if key in step.config
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
            redact=config.get("redact", True),
            timeout=step.timeout,
            tools=declared.offered(config.get("tools", ())),
            tool_rounds=config.get("tool_rounds", declared.ROUNDS),
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
    redact: bool = True,
    timeout: float,
    tools: tuple[Tool, ...] = (),
    tool_rounds: int = 0,
) -> Prompt:
    """A prompt within the deployment's limits, free of characters that nobody sees.

    Args:
        fallbacks: models to ask where the first does not answer; None: AI_FALLBACK_MODELS.
        max_tokens: at most AI_MAX_TOKENS, which is also the default.
        text, system: what is data in them is marked (`ai.safety.marking.Marked`).
        cache: whether an answer to the same question may be used again.
        redact: whether personal data is replaced before it is sent; False counts where
            AI_REDACT_OPTIONAL is set.
        tools: what the model may look up; tool_rounds: how often it may ask.
        timeout: seconds for all calls; each takes at most AI_TIMEOUT_SECONDS.

    Raises:
        PromptTooLarge: text and system message together.
    """
    marked, marked_system = _visible(text), _visible(system)
    _validator.check(marked, marked_system)
    first = model or settings.AI_MODEL
    others = settings.AI_FALLBACK_MODELS if fallbacks is None else fallbacks
    return Prompt(
        text=str(marked),
        system=str(marked_system),
        data=marked.data,
        system_data=marked_system.data,
        redact=redact,
        schema=schema,
        model=first,
        fallbacks=tuple(dict.fromkeys(name for name in others if name != first)),
        max_tokens=min(max_tokens or settings.AI_MAX_TOKENS, settings.AI_MAX_TOKENS),
        temperature=settings.AI_TEMPERATURE if temperature is None else temperature,
        cache=cache,
        timeout=min(timeout, settings.AI_TIMEOUT_SECONDS),
        within=timeout,
        tools=tools,
        tool_rounds=tool_rounds,
    )


def _filled(template: str, variables: JsonObject) -> Marked:
    """The text, which knows what of it are values. Numbers and truth values instruct nobody."""
    pieces = rules.split_template(template)
    if len(pieces) == 1 and not pieces[0][0]:
        value = rules.interpolate(template, variables)
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return Marked.of([(text, isinstance(value, str | list | dict))])
    parts = []
    length = 0
    for literal, piece in pieces:
        value = piece if literal else rules.evaluate(piece, variables)
        text = written(value)
        length += len(text)
        if length > MAX_PROMPT_BYTES:
            raise PromptTooLarge()
        parts.append((text, not literal and isinstance(value, str | list | dict)))
    return Marked.of(parts)


def _visible(text: str) -> Marked:
    """The text without the characters that nobody sees, its parts where they were."""
    parts = text.parts() if isinstance(text, Marked) else [(text, False)]
    return Marked.of((strip_invisible(part), is_data) for part, is_data in parts)
