"""From what a model wrote to what a step may use: text, or data that fits the prompt's schema."""

from __future__ import annotations

from typing import Any

from ai.errors import AIBadResponse, AIInvalidOutput, AIRefused
from ai.providers.base import Completion, Prompt
from core.errors import PlatformError
from core.json import parse_json
from engine import validation

CUT_OFF = "The answer was cut off at its limit of {} tokens."


class AIResponseParser:
    """Checks answers. Nothing of an answer is ever evaluated."""

    def parse(self, prompt: Prompt, completion: Completion) -> Any:
        """The data that the prompt's schema asked for; None where it has no schema.

        Raises:
            AIError: what is wrong with the answer.
        """
        if completion.finish == "refused":
            raise AIRefused(f"The model refused to answer: {completion.text[:500]}")
        cut_off = completion.finish == "length"
        if cut_off and (prompt.schema is not None or not completion.text):
            raise AIInvalidOutput(CUT_OFF.format(prompt.max_tokens))
        if not completion.text:
            raise AIBadResponse("The AI endpoint's answer holds no text.")
        if prompt.schema is None:
            return None
        try:
            data = parse_json(completion.text.encode(), max_bytes=len(completion.text) * 4)
        except PlatformError as error:
            raise AIInvalidOutput(f"The answer is no JSON: {error.message}") from None
        problems = validation.check_value(data, schema=prompt.schema, path="data", name="data")
        if problems:
            raise AIInvalidOutput(problems=problems)
        return data
