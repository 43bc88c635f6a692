"""One recorded, checked and measured call, on real PostgreSQL and a real HTTP server."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY
from pytest_django import Settings

from ai import attempts, client, errors, metrics, pricing, rows
from ai.client import Caller
from ai.models import AIStepExecution
from ai.providers.base import Prompt
from ai.providers.offline import NOTICE
from core.errors import PlatformError
from core.models import User
from tests.ai.endpoint import Endpoint, choice, completion
from tests.support.workflows import definition, start, step

pytestmark = pytest.mark.django_db

SCHEMA = {
    "type": "object",
    "properties": {"risk": {"enum": ["low", "high"]}},
    "required": ["risk"],
    "additionalProperties": False,
}
OPENAI = "https://api.openai.com/v1"


@pytest.fixture
def caller() -> Caller:
    return Caller(agent_type="tests")


def prompt(text: str = "Say it.", **fields: Any) -> Prompt:
    return client.new_prompt(text, **{"timeout": 5.0, **fields})


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"agent_type": "tests", **labels}) or 0.0


def test_a_call_is_its_callers(endpoint: Endpoint, user: User) -> None:
    run = start(definition(step("a")), user=user)
    organisation = run.workflow.organisation
    client.ask(
        prompt(),
        caller=Caller(
            agent_type="tests",
            user_id=user.id,
            organisation_id=organisation.id,
            workflow_id=run.workflow_id,
            execution_id=run.id,
        ),
    )
    row = AIStepExecution.objects.get()
    assert (row.user, row.organisation, row.workflow) == (user, organisation, run.workflow)


def test_a_call_is_a_row(endpoint: Endpoint, caller: Caller) -> None:
    answer = client.ask(prompt(system="Be brief."), caller=caller)
    assert (answer.text, answer.data, answer.notice) == ("Fine.", None, "")
    assert (answer.provider, answer.model) == ("openai", "gpt-4o-mini-2024-07-18")
    row = AIStepExecution.objects.get()
    assert (row.prompt, row.system, row.response) == ("Say it.", "Be brief.", "Fine.")
    assert (row.tokens_used, row.prompt_tokens, row.completion_tokens) == (1500, 1000, 500)
    assert row.execution_time_ms is not None
    assert row.execution_time_ms >= 0
    assert (row.error_code, row.error_message, row.step_execution_id) == ("", None, None)


def test_prompt_and_response_are_encrypted_at_rest(endpoint: Endpoint, caller: Caller) -> None:
    client.ask(prompt("A secret thing"), caller=caller)
    with connection.cursor() as cursor:
        cursor.execute("SELECT prompt, response FROM ai_step_executions")
        stored = cursor.fetchone()
    assert all(text.startswith('{"enc":') for text in stored)
    assert "secret" not in "".join(stored)


def test_the_exact_cost_is_kept(
    endpoint: Endpoint, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The price belongs to the official address; the answer still comes from the local server.
    monkeypatch.setattr(
        attempts, "cost_usd", lambda **call: pricing.cost_usd(**{**call, "endpoint": OPENAI})
    )
    endpoint.answers = [
        (200, completion(usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}))
    ]
    answer = client.ask(prompt(), caller=caller)
    row = AIStepExecution.objects.get()
    assert answer.cost_usd == row.exact_cost_usd == Decimal("0.0000045")
    assert row.cost_usd == Decimal("0.0000"), "the documented column has four decimals"


def test_an_unknown_price_is_none(endpoint: Endpoint, caller: Caller) -> None:
    assert client.ask(prompt(), caller=caller).cost_usd is None
    row = AIStepExecution.objects.get()
    assert (row.cost_usd, row.exact_cost_usd) == (None, None)


def test_a_row_is_written_once(endpoint: Endpoint, caller: Caller) -> None:
    client.ask(prompt(), caller=caller)
    row = AIStepExecution.objects.get()
    row.response = "Another."
    rows.insert(row)
    assert AIStepExecution.objects.get().response == "Fine."


def test_a_call_asks_the_database_in_prepared_statements_alone(
    endpoint: Endpoint, caller: Caller
) -> None:
    client.ask(prompt(), caller=caller)
    with CaptureQueriesContext(connection) as queries:  # which sees those of Django's cursors
        client.ask(prompt(), caller=caller)
    assert [query["sql"] for query in queries] == []


@pytest.mark.parametrize(
    ("answer", "schema", "error", "tokens"),
    [
        ((429, {}), None, errors.AIRateLimited, None),
        ((500, {}), None, errors.AIServerError, None),
        ((200, "reset"), None, errors.AIConnectionFailed, None),
        ((200, completion("")), None, errors.AIBadResponse, 1500),
        ((200, choice("stop", refusal="No.")), None, errors.AIRefused, 1500),
        ((200, choice("length")), None, errors.AIInvalidOutput, 1500),
        ((200, choice("length", content='{"ri')), SCHEMA, errors.AIInvalidOutput, 1500),
        ((200, completion("no json")), SCHEMA, errors.AIInvalidOutput, 1500),
        ((200, completion('{"risk": "middling"}')), SCHEMA, errors.AIInvalidOutput, 1500),
        ((200, completion('{"risk": "low", "x": 1}')), SCHEMA, errors.AIInvalidOutput, 1500),
        ((200, completion("NaN")), {"type": "number"}, errors.AIInvalidOutput, 1500),
        ((200, completion("[" * 5_000)), {"type": "array"}, errors.AIInvalidOutput, 1500),
    ],
)
def test_a_failed_call_is_a_row_too(
    endpoint: Endpoint,
    caller: Caller,
    answer: tuple[int, Any],
    schema: dict[str, Any] | None,
    error: type[PlatformError],
    tokens: int | None,
) -> None:
    endpoint.answers = [answer]
    labels = {"model": "gpt-4o-mini" if tokens is None else "gpt-4o-mini-2024-07-18"}
    before = figure("ai_errors_total", error_type=error.code, **labels)
    spent = figure("ai_token_usage_total", **labels)
    with pytest.raises(error):
        client.ask(prompt(schema=schema), caller=caller)
    row = AIStepExecution.objects.get()
    assert (row.response, row.error_code, row.tokens_used) == ("", error.code, tokens)
    assert row.error_message
    assert figure("ai_errors_total", error_type=error.code, **labels) == before + 1
    assert figure("ai_token_usage_total", **labels) == spent + (tokens or 0), "counted once"


def test_structured_output_is_checked(endpoint: Endpoint, caller: Caller) -> None:
    endpoint.answers = [(200, completion('{"risk": "low"}'))]
    assert client.ask(prompt(schema=SCHEMA), caller=caller).data == {"risk": "low"}


def test_a_cut_off_text_says_so(endpoint: Endpoint, caller: Caller) -> None:
    endpoint.answers = [(200, choice("length", content="Once upon"))]
    answer = client.ask(prompt(max_tokens=7), caller=caller)
    assert answer.text == "Once upon"
    assert answer.notice == "The answer was cut off at its limit of 7 tokens."


def test_the_documented_metrics_count(endpoint: Endpoint, caller: Caller) -> None:
    model = "gpt-4o-mini-2024-07-18"
    before = (
        figure("ai_request_duration_seconds_count", model=model),
        figure("ai_token_usage_total", model=model),
        # prometheus_client adds _total to a counter's name.
        figure("ai_request_cost_dollars_total", model=model),
    )
    client.ask(prompt(), caller=caller)
    assert figure("ai_request_duration_seconds_count", model=model) == before[0] + 1
    assert figure("ai_token_usage_total", model=model) == before[1] + 1500
    assert figure("ai_request_cost_dollars_total", model=model) == before[2]


def test_authors_cannot_fill_the_metrics_with_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_models", set())
    labels = [metrics.model_label(f"model-{n}") for n in range(60)]
    assert labels[:50] == [f"model-{n}" for n in range(50)]
    assert set(labels[50:]) == {"other"}
    assert metrics.model_label("model-3") == "model-3"


def test_without_a_key_the_offline_provider_answers(offline: None, caller: Caller) -> None:
    answer = client.ask(prompt("Sales rose by 5% in May."), caller=caller)
    assert (answer.provider, answer.notice) == ("offline", NOTICE)
    assert (answer.tokens, answer.cost_usd) == (0, Decimal(0))
    row = AIStepExecution.objects.get()
    assert (row.provider, row.response) == ("offline", answer.text)
    assert row.cost_usd == 0


def test_prompts_are_bounded_and_clean(settings: Settings) -> None:
    settings.AI_MAX_TOKENS, settings.AI_TIMEOUT_SECONDS = 100, 30.0
    made = client.new_prompt("a\u200bb", system="c\u202ed", max_tokens=1_000, timeout=3600)
    assert (made.text, made.system, made.max_tokens, made.timeout) == ("ab", "cd", 100, 30)
    assert client.new_prompt("x", max_tokens=5, timeout=2).timeout == 2
    assert client.new_prompt("x", max_tokens=5, timeout=2).max_tokens == 5
    with pytest.raises(errors.PromptTooLarge):
        client.new_prompt("é" * (client.MAX_PROMPT_BYTES // 2), system="x", timeout=1)


def test_invisible_characters_of_an_answer_go(endpoint: Endpoint, caller: Caller) -> None:
    endpoint.answers = [(200, completion("a\u200b\ud800\x00b"))]
    assert client.ask(prompt(), caller=caller).text == "ab"


def test_escapes_of_an_answer_hide_nothing(
    endpoint: Endpoint, caller: Caller, settings: Settings
) -> None:
    schema = {"type": "object", "properties": {"e": {"type": "string"}}, "required": ["e"]}
    endpoint.answers = [(200, completion(r'{"e": "a\u200bb\u202e\udb40\udc41"}'))]
    answer = client.ask(prompt("First.", schema=schema), caller=caller)
    assert (answer.text, answer.data) == ('{"e": "ab"}', {"e": "ab"})

    settings.AI_OWN_SECRETS = ["the-platforms-own-key"]
    endpoint.answers = [(200, completion(r'{"e": "\u0074he-platforms-own-\u006bey"}'))]
    with pytest.raises(errors.AIUnsafeAnswer):
        client.ask(prompt("Second.", schema=schema), caller=caller)
    assert "own" not in str(AIStepExecution.objects.latest("id").response)


class Broken:
    """A provider with a bug."""

    name = "broken"
    endpoint = ""

    def complete(self, prompt: Prompt) -> Any:
        raise ZeroDivisionError


def test_what_nobody_handles_leaves_a_row(caller: Caller) -> None:
    with pytest.raises(ZeroDivisionError):
        client.ask(prompt(), caller=caller, via=Broken())
    assert AIStepExecution.objects.get().error_code == "interrupted"


class Interrupting:
    """A provider during whose work the database drops the connection."""

    name = "slow"
    endpoint = ""

    def complete(self, prompt: Prompt) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()

        def end() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
            connection.close()

        other = threading.Thread(target=end)
        other.start()
        other.join()
        raise errors.AIServerError()


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_does_not_lose_the_row(settings: Settings, caller: Caller) -> None:
    settings.AI_RETRIES = 0
    with pytest.raises(errors.AIServerError):
        client.ask(prompt(), caller=caller, via=Interrupting())
    assert AIStepExecution.objects.get().error_code == "ai_server_error"
