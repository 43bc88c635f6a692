"""Any endpoint that speaks OpenAI's chat completions, through the openai SDK."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletion
from opentelemetry import propagate

from ai.errors import (
    AIBadResponse,
    AIConnectionFailed,
    AIError,
    AIFormatUnsupported,
    AIGatewayFailed,
    AIKeyRejected,
    AIQuotaExceeded,
    AIRateLimited,
    AIRequestRejected,
    AIResponseTooLarge,
    AIServerError,
    AITimeout,
)
from ai.progress.reports import listener
from ai.providers import messages, streams
from ai.providers.base import Completion, Prompt

MAX_RESPONSE_BYTES = 4 * 1024 * 1024
_MAX_MESSAGE = 500  # characters of the endpoint's own error message
_DEADLINE = "workflow_deadline"
_FORMAT_STATUSES = (400, 404, 415, 422, 501)
_GATEWAY_STATUSES = (502, 504, 520, 522, 524)  # the last three: Cloudflare's
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_FORMAT = re.compile(
    r"response_?\s?format|json_?\s?(schema|object|mode)|structured[ _-]?outputs?", re.IGNORECASE
)
_NO_STREAM = re.compile(r"\bstream(ing|_options)?\b", re.IGNORECASE)


class OpenAIProvider:
    """Chat completions at `endpoint`. Retries are `ai.questions`': one call is one request."""

    name = "openai"

    def __init__(self, *, endpoint: str, api_key: str) -> None:
        self.endpoint = endpoint
        self._api_key = api_key

    def complete(self, prompt: Prompt) -> Completion:
        request = self._request(prompt)
        listen = listener()
        try:
            while True:
                try:
                    answer = self._send(request, prompt.timeout, listen)
                    break
                except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                    about = f"{error.param} {error.message}"
                    # Reasoning models take their own temperature only.
                    if "temperature" in request and "temperature" in about:
                        del request["temperature"]
                    elif "max_tokens" in request and "max_completion_tokens" in about:
                        request["max_completion_tokens"] = request.pop("max_tokens")
                    elif listen is not None and _NO_STREAM.search(about):
                        listen = None
                    else:
                        raise
        except openai.APIError as error:
            typed = self._typed(error, formatted="response_format" in request)
            raise typed from error
        except ValueError as error:
            raise AIBadResponse(f"The AI endpoint's answer is no JSON: {error}") from error
        return messages.completion(answer, prompt)

    def _send(
        self, request: dict[str, Any], timeout: float, listen: Callable[[str], None] | None
    ) -> Any:
        client = _client(os.getpid(), self.endpoint, self._api_key)
        if listen is not None:
            return streams.streamed(client, request, timeout=timeout, listen=listen)
        # `chat.completions.create` looks each part of a request up in its type hints first, which
        # takes as long as sending it.
        return client.post(
            "/chat/completions", body=request, options={"timeout": timeout}, cast_to=ChatCompletion
        )

    def _request(self, prompt: Prompt) -> dict[str, Any]:
        # OpenAI's newer models refuse `max_tokens`; other servers do not all know its successor.
        official = httpx2.URL(self.endpoint).host.endswith(".openai.com")
        request: dict[str, Any] = {
            "model": prompt.model,
            "messages": messages.sent(prompt),
            "temperature": prompt.temperature,
            "max_completion_tokens" if official else "max_tokens": prompt.max_tokens,
        }
        if prompt.schema is not None and prompt.mode == "json_object":
            request["response_format"] = {"type": "json_object"}
        elif prompt.schema is not None and prompt.mode == "json_schema":
            # Not strict: OpenAI would take a part of JSON Schema only. The answer is checked here.
            request["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "schema": prompt.schema, "strict": False},
            }
        if prompt.tools:
            request["tools"] = messages.offered(prompt.tools)
            request["tool_choice"] = "none" if prompt.closed else "auto"
        return request

    def _typed(self, error: openai.APIError, *, formatted: bool) -> AIError:
        match error:
            case openai.APITimeoutError():
                return _perhaps_unsent(AITimeout(), error)
            case openai.APIConnectionError():
                message = f"{AIConnectionFailed()} ({error.__cause__ or error})"
                return _perhaps_unsent(AIConnectionFailed(message), error)
            case openai.APIStatusError(status_code=status):
                typed = self._refusal(status, error, formatted=formatted)
                typed.asked_wait = asked_wait(error.response.headers)
                return typed
            case _:
                return AIBadResponse(f"{AIBadResponse()} ({self._shown(error.message)})")

    def _refusal(self, status: int, error: openai.APIStatusError, *, formatted: bool) -> AIError:
        said = self._shown(error.message)
        if status == 429 and error.code == "insufficient_quota":
            return AIQuotaExceeded(f"{AIQuotaExceeded()} ({said})")
        if status == 429:
            return AIRateLimited(f"{AIRateLimited()} ({said})")
        if status in (408, 425):
            return AITimeout(f"{AITimeout()} ({said})")
        if formatted and status in _FORMAT_STATUSES:
            about = f"{error.param} {error.message}"
            if _FORMAT.search(about):
                return AIFormatUnsupported(f"{AIFormatUnsupported()} ({said})")
        if status in _GATEWAY_STATUSES:
            return AIGatewayFailed(f"A gateway before the AI endpoint failed ({status}). ({said})")
        if status >= 500:
            return AIServerError(f"The AI endpoint failed with status {status}. ({said})")
        if status in (401, 403):
            return AIKeyRejected(
                f"The AI endpoint rejected the API key (status {status}). ({said})"
            )
        return AIRequestRejected(
            f"The AI endpoint rejected the request (status {status}). ({said})"
        )

    def _shown(self, message: str) -> str:
        return message.replace(self._api_key, "***")[:_MAX_MESSAGE]


def _perhaps_unsent(typed: AIError, error: openai.APIError) -> AIError:
    """Without a connection nothing was sent, and nothing can be charged."""
    typed.may_cost = not isinstance(error.__cause__, _UNSENT)
    return typed


def asked_wait(headers: httpx2.Headers) -> float | None:
    """Seconds that Retry-After asks to wait (RFC 9110, 10.2.3): a number of them, or a date."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, at.timestamp() - time.time())


@lru_cache(maxsize=8)
def _client(pid: int, endpoint: str, api_key: str) -> openai.OpenAI:
    """A client for all threads of this process. By pid: a fork must not share sockets."""
    http = openai.DefaultHttpxClient(
        follow_redirects=False,  # the key goes to the configured host only
        event_hooks={"request": [_set_deadline], "response": [_bound]},
    )
    return openai.OpenAI(
        api_key=api_key,
        base_url=endpoint,
        max_retries=0,
        # A compressed answer has no size before it is unpacked.
        default_headers={"Accept-Encoding": "identity"},
        http_client=http,
    )


def _set_deadline(request: httpx2.Request) -> None:
    timeout = request.extensions["timeout"]["read"]
    request.extensions = {**request.extensions, _DEADLINE: time.monotonic() + timeout}
    propagate.inject(request.headers)  # `traceparent`, where there is a span


def _bound(response: httpx2.Response) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise AIBadResponse("The AI endpoint compressed its answer, which it was asked not to do.")
    events = response.headers.get("content-type", "").lower().startswith(streams.EVENTS)
    response.stream = _BoundedStream(
        response.stream,  # type: ignore[arg-type]  # a sync client's streams are sync
        deadline=response.request.extensions[_DEADLINE],
        count=streams.EventBounds() if events else _Bounds(),
    )


class _Bounds:
    """Holds a body to a size."""

    def __init__(self) -> None:
        self._size = 0

    def __call__(self, chunk: bytes) -> None:
        self._size += len(chunk)
        if self._size > MAX_RESPONSE_BYTES:
            raise AIResponseTooLarge(
                f"The AI endpoint's answer is larger than {MAX_RESPONSE_BYTES} bytes."
            )


class _BoundedStream(httpx2.SyncByteStream):
    """A body of bounded size, read before the deadline: httpx bounds each read alone."""

    def __init__(
        self,
        stream: httpx2.SyncByteStream,
        *,
        deadline: float,
        count: Callable[[bytes], None],
    ) -> None:
        self._stream = stream
        self._deadline = deadline
        self._count = count

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._count(chunk)
            if time.monotonic() > self._deadline:
                raise AITimeout()
            yield chunk

    def close(self) -> None:
        self._stream.close()
