"""From what a model wrote to what a step may use: text, or data that fits the prompt's schema."""

from __future__ import annotations

from typing import Any

from ai.errors import AIBadResponse, AICutOff, AIInvalidOutput, AINoJson, AIRefused, AIToolLimit
from ai.providers.base import Completion, Prompt
from ai.safety.guard import Guard
from core.errors import PlatformError
from core.json import parse_json
from engine import validation

_FENCE = "```"
CUT_OFF = "The answer was cut off at its limit of {} tokens."


class AIResponseParser:
    """Checks answers. Nothing of an answer is ever evaluated."""

    def parse(self, prompt: Prompt, completion: Completion, *, guard: Guard) -> Any:
        """The data that the prompt's schema asked for; None where it has no schema, and where the
        model asks for tools first.

        The data comes as the model wrote it; what must fit the schema are the values that stand
        in it in the end.

        Raises:
            AIError: what is wrong with the answer.
        """
        if completion.finish == "refused":
            raise AIRefused(f"The model refused to answer: {completion.text[:500]}")
        if completion.calls:
            if prompt.closed:
                raise AIToolLimit()
            return None
        cut_off = completion.finish == "length"
        if cut_off and (prompt.schema is not None or not completion.text):
            raise AICutOff(CUT_OFF.format(prompt.max_tokens))
        if not completion.text:
            raise AIBadResponse("The AI endpoint's answer holds no text.")
        if prompt.schema is None:
            return None
        data = _json(completion.text)
        final = guard.restored_data(data)
        problems = validation.check_value(final, schema=guard.schema, path="data", name="data")
        if problems:
            raise AIInvalidOutput(problems=guard.concealed(problems))
        return data


def _json(text: str) -> Any:
    """The value that the text is, or that its block of Markdown holds."""
    try:
        return _parsed(text)
    except PlatformError as error:
        if (block := _block(text)) is None:
            raise AINoJson(f"The answer is no JSON: {error.message}") from None
    try:
        return _parsed(block)
    except PlatformError as error:
        raise AINoJson(f"The answer is no JSON: {error.message}") from None


def _block(text: str) -> str | None:
    """What stands between the first and the last fence, which begins with a line of its own."""
    _, fence, rest = text.partition(_FENCE)
    block, end, _ = rest.rpartition(_FENCE)
    _, newline, content = block.partition("\n")
    return content if fence and end and newline else None


def _parsed(text: str) -> Any:
    return parse_json(text.encode(), max_bytes=len(text) * 4)
