"""From what a model wrote to what a step may use: text, or data that fits the prompt's schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ai.errors import AIBadResponse, AICutOff, AIInvalidOutput, AINoJson, AIRefused, AIToolLimit
from ai.providers.base import Completion, Prompt
from ai.safety.guard import Guard
from core.errors import PlatformError
from core.json import parse_json
from engine import validation

_FENCE = "```"
_THOUGHTS_END = re.compile(r"</(?:think|thinking|thought|thoughts|reasoning)>", re.IGNORECASE)
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
        data = _json(completion.text, guard)
        final = guard.restored_data(data, schema=guard.schema)
        problems = validation.check_value(final, schema=guard.schema, path="data", name="data")
        if problems:
            raise AIInvalidOutput(problems=guard.concealed(problems))
        return data


def _json(text: str, guard: Guard) -> Any:
    """The value that the text is, that its block of Markdown holds, or what follows the thoughts
    that some models write first.
    """
    problem = ""
    for candidate in _candidates(text):
        for written in dict.fromkeys((candidate, guard.quoted(candidate))):
            try:
                return _parsed(written)
            except PlatformError as error:
                problem = problem or error.message
    raise AINoJson(f"The answer is no JSON: {problem}")


def _candidates(text: str) -> Iterator[str]:
    """Where the value may stand, the likeliest first. What stands in thoughts is no answer."""
    yield text
    said = _behind_thoughts(text) or [text]
    for each in said:
        if each is not text:
            yield each
        if (block := _block(each)) is not None:
            yield block


def _behind_thoughts(text: str) -> list[str]:
    """What follows the thoughts that some models write first: behind their last end, or the first,
    where the answer itself speaks of one. Nothing where the text does not begin with thoughts.

    Some endpoints keep the beginning `<think>` to themselves, so that only its end stands there.
    """
    ends = [found.end() for found in _THOUGHTS_END.finditer(text)]
    if not ends or text.lstrip().startswith(("{", "[", _FENCE)):
        return []
    return [text[end:] for end in dict.fromkeys((ends[-1], ends[0]))]


def _block(text: str) -> str | None:
    """What stands between the first and the last fence, which begins with a line of its own."""
    _, fence, rest = text.partition(_FENCE)
    block, end, _ = rest.rpartition(_FENCE)
    _, newline, content = block.partition("\n")
    return content if fence and end and newline else None


def _parsed(text: str) -> Any:
    return parse_json(text.encode(), max_bytes=len(text) * 4)
