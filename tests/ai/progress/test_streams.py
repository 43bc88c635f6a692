"""Answers in pieces, over a real connection: whole, cut, garbled, from those who do not stream."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from ai import errors
from ai.calls import Caller
from ai.progress import publishing, reports
from ai.progress.reports import Phase, reporting
from ai.providers import openai, streams
from ai.providers.base import Completion, Prompt, Tool, ToolCall
from ai.providers.openai import OpenAIProvider
from core.ids import uuid7
from tests.ai.endpoint import KEY, Endpoint, completion, pieces

PROMPT = Prompt(text="How is it?", model="gpt-4o-mini", max_tokens=100, temperature=0.5, timeout=5)
TEXTS = ("Fine", " and", " well.")
CALLER = Caller(agent_type="step", execution_id=uuid7(), step_execution_id=uuid7(), attempt=1)
Told = list[dict[str, Any]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """The states that would go to Redis."""
    states: Told = []
    monkeypatch.setattr(publishing, "put", lambda run, step, state, *, ended: states.append(state))
    return states


def ask(endpoint: Endpoint, prompt: Prompt = PROMPT) -> Completion:
    with reporting(step_id="comment", caller=CALLER):
        report = reports.current()
        assert report is not None
        report.ask(model=prompt.model, call=1, show=lambda text: text)
        return OpenAIProvider(endpoint=endpoint.url, api_key=KEY).complete(prompt)


def test_the_pieces_make_the_answer_with_its_usage(endpoint: Endpoint, told: Told) -> None:
    endpoint.answers = [(200, pieces(*TEXTS))]
    assert ask(endpoint) == Completion(
        text="Fine and well.",
        model="gpt-4o-mini-2024-07-18",
        prompt_tokens=1000,
        completion_tokens=500,
        cached_tokens=100,
    )
    (sent,) = endpoint.requests
    assert sent["stream"] is True
    assert sent["stream_options"] == {"include_usage": True}
    assert told[-1]["phase"] == Phase.ANSWERED
    assert told[-1]["characters"] == len("Fine and well.")
    assert [entry["phase"] for entry in told[-1]["log"]] == ["asking", "receiving", "answered"]


def test_nobody_is_told_where_nobody_watches(endpoint: Endpoint, told: Told) -> None:
    OpenAIProvider(endpoint=endpoint.url, api_key=KEY).complete(PROMPT)
    with reporting(step_id="comment", caller=replace(CALLER, execution_id=None)):
        OpenAIProvider(endpoint=endpoint.url, api_key=KEY).complete(PROMPT)
    assert not any("stream" in request for request in endpoint.requests)
    assert told == []


def test_streaming_can_be_switched_off(endpoint: Endpoint, told: Told, settings: Settings) -> None:
    settings.AI_STREAM = False
    assert ask(endpoint).text == "Fine."
    assert "stream" not in endpoint.requests[0]
    assert told[-1]["phase"] == Phase.ANSWERED


def test_an_endpoint_that_answers_in_one_piece_is_taken_at_that(
    endpoint: Endpoint, told: Told
) -> None:
    assert ask(endpoint).completion_tokens == 500
    assert len(endpoint.requests) == 1


def test_an_endpoint_that_refuses_to_stream_is_asked_without(
    endpoint: Endpoint, told: Told
) -> None:
    refusal = {"error": {"message": "Unknown parameter: 'stream_options'.", "param": None}}
    temperature = {"error": {"message": "No", "param": "temperature"}}
    endpoint.answers = [(400, temperature), (400, refusal), (200, completion())]
    assert ask(endpoint).text == "Fine."
    assert ["stream" in request for request in endpoint.requests] == [True, True, False]
    assert "temperature" not in endpoint.requests[-1]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ([*pieces(*TEXTS)[:2], "cut"], errors.AIConnectionFailed),
        ([*pieces(*TEXTS)[:4], "cut"], errors.AIConnectionFailed),
        (pieces(*TEXTS, finish=None, usage=None, done=False), errors.AIConnectionFailed),
        (pieces(*TEXTS, finish=None, usage=None), errors.AIConnectionFailed),
        ([b"data: {nonsense\n\n"], errors.AIBadResponse),
        ([pieces("a")[0], b"data: \xff\xfe\n\n"], errors.AIBadResponse),
        ([b"data: [DONE]\n\n"], errors.AIBadResponse),
        ([b": nothing\n\n"], errors.AIBadResponse),
        ([b"data: 5\n\n", b'data: "x"\n\n', b"data: []\n\n"], errors.AIBadResponse),
        ([b'data: {"error": {"message": "Overloaded"}}\n\n'], errors.AIBadResponse),
        ([b"x" * 1_000_000] * 6, errors.AIResponseTooLarge),
        ([pieces("x" * 500_000)[0]] * 12, errors.AIResponseTooLarge),
        (b"not json at all", errors.AIBadResponse),
        ({"error": {"message": "Overloaded"}}, errors.AIBadResponse),
        ("cut", errors.AIConnectionFailed),
        ("reset", errors.AIConnectionFailed),
        ("huge", errors.AIResponseTooLarge),
    ],
)  # fmt: skip
def test_every_failure_has_its_type(
    endpoint: Endpoint, told: Told, answer: Any, error: type[errors.AIError]
) -> None:
    endpoint.answers = [(200, answer)]
    with pytest.raises(error) as raised:
        ask(endpoint)
    assert type(raised.value) is error
    assert len(endpoint.requests) == 1
    assert (told[-1]["phase"], told[-1]["error"]) == (Phase.FAILED, error.code)


def test_a_stream_may_be_longer_than_one_answer(endpoint: Endpoint, told: Told) -> None:
    rest = pieces("a" * 3_000)
    padding = b": " + b"x" * 60_000 + b"\n\n"
    endpoint.answers = [(200, [rest[0], *[padding] * 100, *rest[1:]])]
    assert openai.MAX_RESPONSE_BYTES < 100 * len(padding) < streams.MAX_STREAM_BYTES
    assert len(ask(endpoint).text) == 3_000


@pytest.mark.parametrize("usage", [None, "none", {"prompt_tokens": "many"}])
def test_without_usage_nothing_is_counted(endpoint: Endpoint, told: Told, usage: Any) -> None:
    endpoint.answers = [(200, pieces(*TEXTS, usage=usage))]
    found = ask(endpoint)
    assert (found.text, found.prompt_tokens, found.completion_tokens) == (
        "Fine and well.", None, None,
    )  # fmt: skip


def test_usage_that_comes_with_every_piece_is_counted_once(endpoint: Endpoint, told: Told) -> None:
    def with_usage(event: bytes, tokens: int) -> bytes:
        body = json.loads(event.removeprefix(b"data: "))
        body["usage"] = {"prompt_tokens": 10, "completion_tokens": tokens, "total_tokens": tokens}
        return b"data: " + json.dumps(body).encode() + b"\n\n"

    plain = pieces(*TEXTS, usage=None, done=False)
    endpoint.answers = [(200, [with_usage(event, n) for n, event in enumerate(plain)])]
    found = ask(endpoint)
    assert (found.prompt_tokens, found.completion_tokens) == (10, len(plain) - 1)


def test_calls_of_tools_come_in_pieces_too(endpoint: Endpoint, told: Told) -> None:
    def calls(*deltas: dict[str, Any]) -> bytes:
        body = {"model": "m", "choices": [{"index": 0, "delta": {"tool_calls": deltas}}]}
        return b"data: " + json.dumps(body).encode() + b"\n\n"

    tool = Tool(name="find", function="orders.find", description="", parameters={})
    begun = {"index": 0, "id": "a", "function": {"name": "find", "arguments": '{"n'}}
    rest = {"index": 0, "function": {"arguments": '": 1}'}}
    odd = {"index": "x", "id": "b", "function": {"name": "find", "arguments": "{}"}}
    sent = [calls(begun), calls(rest, odd), calls({"index": None}, {"index": 0, "function": 7})]
    endpoint.answers = [(200, [*sent, *pieces(finish="tool_calls")])]
    assert ask(endpoint, replace(PROMPT, tools=(tool,))).calls == (
        ToolCall(id="a", name="find", arguments='{"n": 1}'),
        ToolCall(id="b", name="find", arguments="{}"),
    )


def test_how_an_answer_ended(endpoint: Endpoint, told: Told) -> None:
    endpoint.answers = [(200, pieces("Once", finish="length"))]
    assert ask(endpoint).finish == "length"
    endpoint.answers = [(200, pieces(finish="content_filter"))]
    assert ask(endpoint).finish == "refused"


def test_a_stream_that_never_ends_is_left_in_time(endpoint: Endpoint, told: Told) -> None:
    endpoint.answers = [(200, [pieces("Once")[0], threading.Event()])]
    with pytest.raises(errors.AITimeout):
        ask(endpoint, replace(PROMPT, timeout=0.4))


def test_what_is_told_is_bounded(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**9))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    shown: list[int] = []

    def show(text: str) -> str:
        shown.append(len(text))
        return text

    with reporting(step_id="x" * 1_000, caller=CALLER):
        report = reports.current()
        assert report is not None
        for call in range(40):
            report.ask(model="m", call=call, show=show)
        for _ in range(200):
            report.receive("y" * 100)
    last = told[-1]
    assert (last["characters"], len(last["text"])) == (20_000, reports.MAX_TEXT)
    assert max(shown) <= reports.MAX_TEXT + 100
    assert [entry["call"] for entry in last["log"][:18]] == list(range(22, 40))
    assert len(last["log"]) == 20
    assert len(last["step_id"]) == 200


def test_of_a_failed_call_nothing_is_left(told: Told) -> None:
    def fail() -> None:
        raise errors.AIServerError()

    attempts: list[Callable[[], None]] = [fail]
    with pytest.raises(errors.AIServerError), reporting(step_id="a", caller=CALLER):
        attempts[0]()
    assert reports.current() is None
    assert told[-1]["error"] == "ai_server_error"
