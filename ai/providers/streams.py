"""Chat completions that come piece by piece, put together to what they would be in one piece.

Nothing that an endpoint sends is taken for granted: every field may be missing or of another type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletion

from ai.errors import AIBadResponse, AIConnectionFailed, AIResponseTooLarge, AITimeout

EVENTS = "text/event-stream"
MAX_EVENT_BYTES = 4 * 1024 * 1024
MAX_STREAM_BYTES = 64 * 1024 * 1024
"""Of a whole stream: each word of an answer comes in an envelope of some hundred bytes."""


def streamed(
    client: openai.OpenAI, request: dict[str, Any], *, timeout: float, listen: Callable[[str], None]
) -> Any:
    """Asks for a completion in pieces, of which `listen` gets the text of each as it comes.

    Returns:
        What the SDK returns for one that was asked for whole. An endpoint that does not stream
        though it was asked to is taken at its one answer.
    """
    # Whatever is no `extra_body` is looked up in type hints, which takes as long as sending it.
    raw = client.chat.completions.with_raw_response.create(
        model=request["model"],
        messages=[],
        stream=True,
        extra_body={**request, "stream_options": {"include_usage": True}},
        timeout=timeout,
    )
    response = raw.http_response
    try:
        if not response.headers.get("content-type", "").lower().startswith(EVENTS):
            return _whole(response)
        return _joined(raw.parse(), listen)
    finally:
        response.close()


class EventBounds:
    """Holds a stream of events to a size, each of them and all."""

    def __init__(self) -> None:
        self._event = self._all = 0
        self._last = b""

    def __call__(self, chunk: bytes) -> None:
        """Counts a chunk of the body. Raises AIResponseTooLarge."""
        self._all += len(chunk)
        seen = self._last + chunk
        end = max(seen.rfind(b"\n\n"), seen.rfind(b"\r\n\r\n"))
        self._event = len(seen) - end if end >= 0 else self._event + len(chunk)
        self._last = seen[-3:]
        if self._event > MAX_EVENT_BYTES or self._all > MAX_STREAM_BYTES:
            raise AIResponseTooLarge("The AI endpoint's stream is larger than is read.")


def _whole(response: httpx2.Response) -> Any:
    try:
        data = json.loads(response.read())
    except httpx2.TimeoutException as error:
        raise AITimeout() from error
    except httpx2.RequestError as error:
        raise AIConnectionFailed(f"{AIConnectionFailed()} ({error})") from error
    return ChatCompletion.construct(**data) if isinstance(data, dict) else data


def _joined(chunks: Iterator[Any], listen: Callable[[str], None]) -> ChatCompletion:
    texts: list[str] = []
    refusals: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    model: Any = None
    reason: Any = None
    usage: Any = None
    size = 0
    for chunk in chunks:
        model = getattr(chunk, "model", None) or model
        usage = getattr(chunk, "usage", None) or usage  # those that repeat it count on
        choices: Any = getattr(chunk, "choices", None)
        choice: Any = choices[0] if isinstance(choices, list) and choices else None
        reason = getattr(choice, "finish_reason", None) or reason
        delta: Any = getattr(choice, "delta", None)
        piece: Any = getattr(delta, "content", None)
        if isinstance(piece, str) and piece:
            texts.append(piece)
            listen(piece)
        refusal: Any = getattr(delta, "refusal", None)
        if isinstance(refusal, str) and refusal:
            refusals.append(refusal)
        size += len(piece or "") if isinstance(piece, str) else 0
        size += _add_calls(calls, getattr(delta, "tool_calls", None))
        if size > MAX_EVENT_BYTES:
            raise AIResponseTooLarge("The AI endpoint's answer is larger than is read.")
    if reason is None and usage is None:
        if not texts and model is None:
            raise AIBadResponse("The AI endpoint's stream holds no completion.")
        raise AIConnectionFailed("The AI endpoint's answer ended before it was whole.")
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
    }
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    whole = {"index": 0, "message": message, "finish_reason": reason}
    made = ChatCompletion.construct(
        id="", object="chat.completion", created=0, model=model, choices=[whole]
    )
    made.usage = usage
    return made


_MAX_CALLS = 128


def _add_calls(calls: dict[int, dict[str, Any]], deltas: Any) -> int:
    """Adds what a piece tells of the model's calls of tools. Returns how many characters."""
    size = 0
    for delta in deltas if isinstance(deltas, list) else ():
        given: Any = getattr(delta, "id", None)
        index: Any = getattr(delta, "index", None)
        if type(index) is not int:  # some tell by an id alone that another begins
            index = max(calls, default=-1) + bool(given) if calls else 0
        if index not in calls and len(calls) >= _MAX_CALLS:
            continue
        function: Any = getattr(delta, "function", None)
        call = calls.setdefault(
            index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
        )
        if isinstance(given, str) and given:
            call["id"] = given
        for key in ("name", "arguments"):
            part: Any = getattr(function, key, None)
            if isinstance(part, str) and part:
                call["function"][key] += part
                size += len(part)
    return size
