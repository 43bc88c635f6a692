"""The openai provider against a real HTTP server that answers well or badly."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ai import errors
from ai.providers import openai
from ai.providers.base import Completion, Prompt
from ai.providers.openai import OpenAIProvider
from tests.ai.endpoint import KEY, Endpoint, choice, completion

PROMPT = Prompt(text="How is it?", model="gpt-4o-mini", max_tokens=100, temperature=0.5, timeout=5)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


def ask(endpoint: Endpoint, prompt: Prompt = PROMPT) -> Completion:
    return OpenAIProvider(endpoint=endpoint.url, api_key=KEY).complete(prompt)


def error_body(message: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", **fields}}


def test_an_answer_with_its_usage(endpoint: Endpoint) -> None:
    assert ask(endpoint) == Completion(
        text="Fine.",
        model="gpt-4o-mini-2024-07-18",
        prompt_tokens=1000,
        completion_tokens=500,
        cached_tokens=100,
    )
    assert endpoint.requests == [
        {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "How is it?"}],
            "temperature": 0.5,
            "max_tokens": 100,
        }
    ]
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    assert endpoint.headers[0]["accept-encoding"] == "identity"


def test_system_message_and_schema_are_sent(endpoint: Endpoint) -> None:
    ask(endpoint, replace(PROMPT, system="Be brief.", schema=SCHEMA))
    sent = endpoint.requests[0]
    assert [m["role"] for m in sent["messages"]] == ["system", "user"]
    assert sent["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": SCHEMA, "strict": False},
    }


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
        ("https://notopenai.com/v1", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_host_knows(host: str, name: str) -> None:
    request = OpenAIProvider(endpoint=host, api_key=KEY)._request(PROMPT)
    assert request[name] == 100
    assert len(request.keys() & {"max_tokens", "max_completion_tokens"}) == 1


@pytest.mark.parametrize(
    "refusal",
    [
        error_body("Unsupported value", param="temperature", code="unsupported_value"),
        error_body("'temperature' does not support 0.5 with this model."),
    ],
)
def test_a_model_that_refuses_the_temperature_is_asked_without(
    endpoint: Endpoint, refusal: dict[str, Any]
) -> None:
    endpoint.answers = [(400, refusal), (200, completion())]
    assert ask(endpoint).text == "Fine."
    assert ["temperature" in request for request in endpoint.requests] == [True, False]


def test_a_model_that_asks_for_max_completion_tokens_gets_them(endpoint: Endpoint) -> None:
    said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    temperature = error_body("Only the default", param="temperature")
    endpoint.answers = [(400, error_body(said)), (400, temperature), (200, completion())]
    assert ask(endpoint).text == "Fine."
    assert endpoint.requests[-1]["max_completion_tokens"] == 100
    assert not endpoint.requests[-1].keys() & {"max_tokens", "temperature"}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, error_body("Slow down"), errors.AIRateLimited),
        (408, error_body("Too slow"), errors.AITimeout),
        (500, error_body("Oops"), errors.AIServerError),
        (502, b"<html>Bad gateway</html>", errors.AIGatewayFailed),
        (503, b"", errors.AIServerError),
        (400, error_body("No such parameter"), errors.AIRequestRejected),
        (401, error_body(f"Incorrect API key {KEY}"), errors.AIKeyRejected),
        (429, error_body("Pay first", code="insufficient_quota"), errors.AIQuotaExceeded),
        (404, error_body("No such model"), errors.AIRequestRejected),
        (422, {"detail": "Unprocessable"}, errors.AIRequestRejected),
        (200, "reset", errors.AIConnectionFailed),
        (200, "cut", errors.AIConnectionFailed),
        (200, "gzip", errors.AIBadResponse),
        (200, "huge", errors.AIResponseTooLarge),
        (200, "redirect", errors.AIRequestRejected),
        (200, b"<html>Welcome to the wifi</html>", errors.AIBadResponse),
        (200, b"not json at all", errors.AIBadResponse),
        (200, b"[]", errors.AIBadResponse),
        (200, b'"text"', errors.AIBadResponse),
        (200, b"\xff\xfe\x00", errors.AIBadResponse),
        (200, error_body("An error with status 200"), errors.AIBadResponse),
        (200, {}, errors.AIBadResponse),
    ],
)
def test_every_failure_has_its_type(
    endpoint: Endpoint, status: int, body: Any, error: type[errors.AIError]
) -> None:
    endpoint.answers = [(status, body)]
    with pytest.raises(error) as raised:
        ask(endpoint)
    assert type(raised.value) is error
    assert KEY not in raised.value.message
    assert len(endpoint.requests) == 1, "retries are somebody else's"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (completion(choices=[]), ""),
        (completion(choices=None), ""),
        (completion(choices="x"), ""),
        (completion(choices=[{"message": {"content": 5}}]), ""),
        (completion(None), ""),
        (completion("ok", usage=None), "ok"),
        (completion("ok", usage={"prompt_tokens": "many", "completion_tokens": -3}), "ok"),
        (completion("ok", usage="none", model=7), "ok"),
    ],
)
def test_an_odd_completion_is_taken_for_what_it_holds(
    endpoint: Endpoint, body: Any, text: str
) -> None:
    endpoint.answers = [(200, body)]
    found = ask(endpoint)
    assert found.text == text
    assert isinstance(found.model, str)
    assert found.model
    if body["usage"] != completion()["usage"]:
        assert (found.prompt_tokens, found.completion_tokens) == (None, None)


@pytest.mark.parametrize(
    ("body", "finish", "text"),
    [
        (choice("stop", refusal="I cannot help."), "refused", "I cannot help."),
        (choice("content_filter"), "refused", "The answer was held back by a content filter."),
        (choice("length", content="Once upon"), "length", "Once upon"),
        (choice("length"), "length", ""),
        (choice("anything", content="ok"), "stop", "ok"),
    ],
)
def test_how_an_answer_ended(endpoint: Endpoint, body: Any, finish: str, text: str) -> None:
    endpoint.answers = [(200, body)]
    found = ask(endpoint)
    assert (found.finish, found.text, found.completion_tokens) == (finish, text, 500)


@pytest.mark.parametrize("misbehaviour", ["slow", "drip"])
def test_the_whole_answer_must_come_in_time(endpoint: Endpoint, misbehaviour: str) -> None:
    endpoint.answers = [(200, misbehaviour)]
    # Neither ends in a time-out by itself: the one would be cut, the other never ends.
    with pytest.raises(errors.AITimeout):
        ask(endpoint, replace(PROMPT, timeout=0.4))
    assert len(endpoint.requests) == 1


def test_nobody_listens() -> None:
    with pytest.raises(errors.AIConnectionFailed, match="cannot be reached"):
        OpenAIProvider(endpoint="http://127.0.0.1:9/v1", api_key=KEY).complete(PROMPT)


def test_a_large_answer_within_the_limit(endpoint: Endpoint) -> None:
    text = "x" * (openai.MAX_RESPONSE_BYTES - 10_000)
    endpoint.answers = [(200, completion(text))]
    assert len(ask(endpoint).text) == len(text)


def test_errors_tell_whether_to_retry() -> None:
    retried = {
        errors.AIRateLimited,
        errors.AITimeout,
        errors.AIConnectionFailed,
        errors.AIServerError,
        errors.AIBadResponse,
    }
    for error in errors.AIError.__subclasses__():
        assert error.permanent is (error not in retried), error
