"""Prompts as messages of OpenAI's chat completions, and what may stand in their answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Literal

from openai.types.chat import ChatCompletion

from ai.errors import AIBadResponse
from ai.providers.base import Completion, Prompt, Tool, ToolCall, Turn
from core.json import JsonObject

MAX_CALLS = 32
"""Calls of tools of one answer that are read; what comes behind them is passed over."""


def sent(prompt: Prompt) -> list[JsonObject]:
    """The messages of a prompt."""
    messages: list[JsonObject] = [{"role": "user", "content": prompt.text}]
    if prompt.system:
        messages.insert(0, {"role": "system", "content": prompt.system})
    return messages + [_turn(turn) for turn in prompt.turns]


def offered(tools: Sequence[Tool]) -> list[JsonObject]:
    """The tools of a request."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in tools
    ]


def _turn(turn: Turn) -> JsonObject:
    message: JsonObject = {"role": turn.role, "content": turn.text}
    if turn.calls:
        message["content"] = turn.text or None
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in turn.calls
        ]
    if turn.answers:
        message["tool_call_id"] = turn.answers
    return message


def completion(answer: Any, prompt: Prompt) -> Completion:
    """What came. The SDK checks nothing of it: every field may be missing or of another type."""
    choices: Any = getattr(answer, "choices", None)
    usage: Any = getattr(answer, "usage", None)
    if not isinstance(answer, ChatCompletion) or (choices is None and usage is None):
        raise AIBadResponse()
    choice: Any = choices[0] if isinstance(choices, list) and choices else None
    message: Any = getattr(choice, "message", None)
    text: Any = getattr(message, "content", None)
    refusal: Any = getattr(message, "refusal", None)
    reason: Any = getattr(choice, "finish_reason", None)
    refused = isinstance(refusal, str) or reason == "content_filter"
    if refused:
        text = refusal or text or "The answer was held back by a content filter."
    finish: Literal["stop", "length", "refused"] = "stop"
    if refused or reason == "length":
        finish = "refused" if refused else "length"
    details: Any = getattr(usage, "prompt_tokens_details", None)
    return Completion(
        text=text if isinstance(text, str) else "",
        model=answer.model if isinstance(answer.model, str) and answer.model else prompt.model,
        finish=finish,
        prompt_tokens=_count(getattr(usage, "prompt_tokens", None)),
        completion_tokens=_count(getattr(usage, "completion_tokens", None)),
        cached_tokens=_count(getattr(details, "cached_tokens", None)) or 0,
        # Nobody who was not offered a tool asks for one; a call that was cut off is none.
        calls=_calls(message) if prompt.tools and finish == "stop" else (),
    )


def _calls(message: Any) -> tuple[ToolCall, ...]:
    asked: Any = getattr(message, "tool_calls", None)
    found: Iterable[Any] = asked if isinstance(asked, list) else ()
    return tuple(
        ToolCall(
            id=_text(getattr(call, "id", None)),
            name=_text(getattr(function, "name", None)),
            arguments=_text(getattr(function, "arguments", None)),
        )
        for call in islice(found, MAX_CALLS)
        for function in (getattr(call, "function", None),)
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**31 else None
