"""Retries, other models, weaker modes and repairs, on real PostgreSQL and a real HTTP server."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from pytest_django import Settings

from ai import client, errors, questions
from ai.budgets.errors import AIPriceUnknown
from ai.client import Caller
from ai.models import AIStepExecution
from ai.providers.base import Prompt
from ai.providers.openai import asked_wait
from ai.structure import Modes
from tests.ai.budgets.payers import limit
from tests.ai.endpoint import Endpoint, choice, completion

pytestmark = pytest.mark.django_db

SCHEMA = {
    "type": "object",
    "properties": {"risk": {"enum": ["low", "high"]}},
    "required": ["risk"],
}
GOOD = (200, completion('{"risk": "low"}'))
CALLER = Caller(agent_type="tests")


@pytest.fixture(autouse=True)
def bounds(endpoint: Endpoint, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AI_RETRIES = settings.AI_REPAIRS = 2
    monkeypatch.setattr(questions, "_modes", Modes())


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return sum(self.waits)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of questions. Calls take none of it."""
    made = Clock()
    monkeypatch.setattr(questions, "time", made)
    return made


def prompt(text: str = "Say it.", **fields: Any) -> Prompt:
    return client.new_prompt(text, **{"timeout": 5.0, **fields})


def rows() -> list[tuple[Any, ...]]:
    calls = AIStepExecution.objects.order_by("call_number")
    return list(calls.values_list("call_number", "ai_model", "mode", "error_code"))


def rejected(message: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    return 400, {"error": {"message": message, "type": "invalid_request_error", **fields}}


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        ((429, {}), "ai_rate_limited"),
        ((500, {}), "ai_server_error"),
        ((503, b""), "ai_server_error"),
        ((200, "reset"), "ai_connection_failed"),
        ((200, "cut"), "ai_connection_failed"),
        ((200, b"<html>"), "ai_bad_response"),
        ((200, {"error": {"message": "overloaded"}}), "ai_bad_response"),
    ],
)
def test_what_passes_is_tried_again(
    endpoint: Endpoint, failure: tuple[int, Any], code: str
) -> None:
    endpoint.answers = [failure, failure, (200, completion())]
    answer = client.ask(prompt(), caller=CALLER)
    assert (answer.text, answer.calls, answer.tokens) == ("Fine.", 3, 1500)
    assert [row[3] for row in rows()] == [code, code, ""]


def test_retries_end(endpoint: Endpoint) -> None:
    endpoint.answers = [(500, {})]
    with pytest.raises(errors.AIServerError):
        client.ask(prompt(), caller=CALLER)
    assert len(endpoint.requests) == len(rows()) == 3


@pytest.mark.parametrize(
    "failure",
    [
        rejected("No such parameter"),
        (401, {}),
        (429, {"error": {"message": "Pay first", "code": "insufficient_quota"}}),
        (200, choice("stop", refusal="No.")),
        (200, "huge"),
    ],
)
def test_what_stays_is_not_tried_again(endpoint: Endpoint, failure: tuple[int, Any]) -> None:
    endpoint.answers = [failure]
    with pytest.raises(errors.AIError) as raised:
        client.ask(prompt(), caller=CALLER)
    assert raised.value.permanent
    assert len(endpoint.requests) == len(rows()) == 1


def test_a_call_that_took_too_long_is_not_tried_again(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, "slow")]
    with pytest.raises(errors.AITimeout):
        client.ask(prompt(timeout=0.3), caller=CALLER)
    assert len(rows()) == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0.25", 0.25),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", pytest.approx(2.5e11, rel=0.1)),
    ],
)
def test_retry_after_is_read(value: str, seconds: float | None) -> None:
    assert asked_wait(httpx2.Headers({"retry-after": value})) == seconds


def test_retry_after_is_honoured(endpoint: Endpoint, clock: Clock) -> None:
    endpoint.extra = {"Retry-After": "3.5"}
    endpoint.answers = [(429, {}), (200, completion())]
    assert client.ask(prompt(), caller=CALLER).calls == 2
    (wait,) = clock.waits
    assert wait >= 3.5


def test_nobody_waits_beyond_the_timeout(endpoint: Endpoint) -> None:
    endpoint.extra = {"Retry-After": "30"}
    endpoint.answers = [(429, {})]
    with pytest.raises(errors.AIRateLimited) as raised:
        client.ask(prompt(), caller=CALLER)
    assert (raised.value.asked_wait, len(rows())) == (30, 1)


def test_other_models_are_asked_in_turn(endpoint: Endpoint) -> None:
    endpoint.answers = [(404, {"error": {"message": "No such model"}}), (200, completion())]
    answer = client.ask(prompt(model="a", fallbacks=["b", "c", "a"]), caller=CALLER)
    assert answer.calls == 2
    assert [request["model"] for request in endpoint.requests] == ["a", "b"]


def test_the_deployment_names_other_models(endpoint: Endpoint, settings: Settings) -> None:
    settings.AI_FALLBACK_MODELS, settings.AI_RETRIES = ["b"], 0
    endpoint.answers = [(500, {})]
    for fallbacks, asked in ((None, ["gpt-4o-mini", "b"]), ([], ["gpt-4o-mini"])):
        endpoint.requests.clear()
        with pytest.raises(errors.AIServerError):
            client.ask(prompt(fallbacks=fallbacks), caller=CALLER)
        assert [request["model"] for request in endpoint.requests] == asked


@pytest.mark.parametrize("failure", [(401, {}), (200, choice("stop", refusal="No."))])
def test_a_refusal_is_no_reason_to_ask_others(endpoint: Endpoint, failure: tuple[int, Any]) -> None:
    endpoint.answers = [failure]
    with pytest.raises(errors.AIError):
        client.ask(prompt(fallbacks=["b"]), caller=CALLER)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize("fallbacks", [["c", "b"], ["b", "c"]])
def test_a_model_without_a_price_leaves_the_question_to_those_with_one(
    endpoint: Endpoint, settings: Settings, fallbacks: list[str]
) -> None:
    limit("100", scope="platform")
    settings.AI_PRICES = {"b": {"input": Decimal(1), "output": Decimal(1), "cached_input": None}}
    answer = client.ask(prompt(model="a", fallbacks=fallbacks), caller=CALLER)
    assert (answer.calls, answer.cost_usd) == (1, Decimal("0.0015"))
    assert [request["model"] for request in endpoint.requests] == ["b"]


@pytest.mark.parametrize("models", [["a"], ["a", "c"]])
def test_without_any_price_a_hard_limit_refuses(endpoint: Endpoint, models: list[str]) -> None:
    limit("100", scope="platform")
    with pytest.raises(AIPriceUnknown, match=f"'{models[-1]}'"):
        client.ask(prompt(model=models[0], fallbacks=models[1:]), caller=CALLER)
    assert not endpoint.requests


@pytest.mark.parametrize("models", [["a", "b"], ["b", "a"], ["a", "b", "c"]])
def test_the_failure_of_a_model_that_was_asked_is_told(
    endpoint: Endpoint, settings: Settings, models: list[str]
) -> None:
    limit("100", scope="platform")
    settings.AI_RETRIES = 0
    settings.AI_PRICES = {"b": {"input": Decimal(1), "output": Decimal(1), "cached_input": None}}
    endpoint.answers = [(500, {})]
    with pytest.raises(errors.AIServerError):
        client.ask(prompt(model=models[0], fallbacks=models[1:]), caller=CALLER)
    assert [request["model"] for request in endpoint.requests] == ["b"]


@pytest.mark.parametrize(
    "said",
    [
        '<think>\nLow, or "high"? {"risk": "high"}\n</think>\n\n{"risk": "low"}',
        'The endpoint took the beginning away.</think>{"risk": "low"}',
        '<THINKING>Hm.</THINKING> ```json\n{"risk": "low"}\n```',
        '<think>```json\n{"risk": "high"}\n```</think>Here it is:\n```\n{"risk": "low"}\n```',
        '<think>I close with </think>, so:</think>{"risk": "low"}',
        '<think></think>{"risk": "low", "why": "no </think> in it"}',
    ],
)
def test_thoughts_before_an_answer_are_passed_over(endpoint: Endpoint, said: str) -> None:
    endpoint.answers = [(200, completion(said))]
    answer = client.ask(prompt(schema=SCHEMA), caller=CALLER)
    assert (answer.data["risk"], answer.calls) == ("low", 1)


def test_thoughts_alone_are_no_answer(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, completion('<think>{"risk": "high"}</think>')), GOOD]
    answer = client.ask(prompt(schema=SCHEMA), caller=CALLER)
    assert (answer.data, answer.calls) == ({"risk": "low"}, 2)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ('{"risk": "middling"}', "data.risk"),
        ('{"risk": ', "no JSON"),
        ("Sure! The risk is low.", "no JSON"),
        ("[" * 5_000, "nested deeper"),
    ],
)
def test_an_answer_goes_back_with_what_is_wrong(endpoint: Endpoint, bad: str, told: str) -> None:
    endpoint.answers = [(200, completion(bad)), GOOD]
    answer = client.ask(prompt(schema=SCHEMA), caller=CALLER)
    assert (answer.data, answer.calls, answer.tokens) == ({"risk": "low"}, 2, 3000)
    *_, said, request = endpoint.requests[1]["messages"]
    assert (said["role"], said["content"]) == ("assistant", bad)
    assert request["role"] == "user"
    assert told in request["content"]
    assert json.dumps(SCHEMA) in request["content"]
    first, second = AIStepExecution.objects.order_by("call_number")
    assert (first.error_code, first.response, second.error_code) == ("ai_invalid_output", "", "")
    assert told in second.prompt
    assert (first.prompt, first.tokens_used, second.tokens_used) == ("Say it.", 1500, 1500)


def test_repairs_end(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, completion("{}"))]
    with pytest.raises(errors.AIInvalidOutput) as raised:
        client.ask(prompt(schema=SCHEMA), caller=CALLER)
    assert raised.value.problems
    assert len(endpoint.requests) == len(rows()) == 3
    assert len(endpoint.requests[2]["messages"]) == 3, "only the last answer goes back"


def test_what_was_cut_off_is_not_repaired(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, choice("length", content='{"ri'))]
    with pytest.raises(errors.AICutOff):
        client.ask(prompt(schema=SCHEMA), caller=CALLER)
    assert len(rows()) == 1


UNKNOWN_FORMAT = rejected("Unknown value", param="response_format")
NO_JSON_SCHEMA = rejected("json_schema is not supported by this model")


def test_an_endpoint_without_schemas_is_asked_in_words(endpoint: Endpoint) -> None:
    endpoint.answers = [NO_JSON_SCHEMA, UNKNOWN_FORMAT, GOOD]
    assert client.ask(prompt(schema=SCHEMA), caller=CALLER).data == {"risk": "low"}
    assert [(row[2], row[3]) for row in rows()] == [
        ("json_schema", "ai_format_unsupported"),
        ("json_object", "ai_format_unsupported"),
        ("prompted", ""),
    ]
    formats = [request.get("response_format", {}).get("type") for request in endpoint.requests]
    assert formats == ["json_schema", "json_object", None]
    assert json.dumps(SCHEMA) in endpoint.requests[2]["messages"][0]["content"]


def test_what_an_endpoint_takes_is_remembered_for_the_model(endpoint: Endpoint) -> None:
    endpoint.answers = [UNKNOWN_FORMAT, GOOD]
    for model in ("a", "a", "b"):
        client.ask(prompt(schema=SCHEMA, model=model), caller=CALLER)
    modes = [request["response_format"]["type"] for request in endpoint.requests]
    assert modes == ["json_schema", "json_object", "json_object", "json_schema"]


def test_an_endpoint_that_passes_over_the_schema_is_told_of_it(endpoint: Endpoint) -> None:
    endpoint.answers = [(200, completion("Low, I think.")), GOOD]
    for _ in range(2):
        assert client.ask(prompt(schema=SCHEMA), caller=CALLER).data == {"risk": "low"}
    modes = [request["response_format"]["type"] for request in endpoint.requests]
    assert modes == ["json_schema", "json_object", "json_object"]


def test_another_rejection_is_no_matter_of_the_form(endpoint: Endpoint) -> None:
    endpoint.answers = [rejected("The prompt is too long")]
    with pytest.raises(errors.AIRequestRejected):
        client.ask(prompt(schema=SCHEMA), caller=CALLER)
    assert len(rows()) == 1


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"risk": "low"}\n```',
        'Here it is:\n```\n{"risk": "low"}\n```\nAnything else?',
        '```JSON  \n{"risk": "low"}```',
    ],
)
def test_a_block_of_markdown_is_opened(endpoint: Endpoint, text: str) -> None:
    endpoint.answers = [(200, completion(text))]
    assert client.ask(prompt(schema=SCHEMA), caller=CALLER).data == {"risk": "low"}


def test_all_calls_end_with_the_timeout(
    endpoint: Endpoint, settings: Settings, clock: Clock
) -> None:
    settings.AI_RETRIES, settings.AI_RETRY_DELAY = 10, 1.0
    endpoint.answers = [(500, {})]
    with pytest.raises(errors.AIServerError):
        client.ask(prompt(timeout=5.0, fallbacks=["b", "c"]), caller=CALLER)
    assert clock.monotonic() < 5
    # A wait for each call, but before the first of each model.
    assert len(rows()) == len(endpoint.requests) == len(clock.waits) + 3
    assert len(clock.waits) < 10, "fewer than one model alone may be asked again"
