"""Answers that are given again, on a real Redis."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from ai import client
from ai.cache import WorkflowCacheManager, prompt_hash
from ai.client import Caller
from ai.models import AIStepExecution
from ai.providers.base import Prompt, Turn
from ai.providers.openai import OpenAIProvider
from core.ids import uuid7
from core.models import Organisation, User
from core.organisations import personal_organisation
from tests.ai.endpoint import KEY, Endpoint, choice, completion

pytestmark = pytest.mark.django_db


@pytest.fixture
def caller(user: User) -> Caller:
    return Caller(agent_type="tests", organisation_id=personal_organisation(user).id, attempt=1)


def prompt(text: str = "Say it.", **fields: Any) -> Prompt:
    return client.new_prompt(text, **{"timeout": 5.0, **fields})


def test_the_same_question_is_asked_once(endpoint: Endpoint, caller: Caller) -> None:
    endpoint.answers = [(200, completion('{"a": 1}'))]
    schema = {"type": "object"}
    first = client.ask(prompt(schema=schema), caller=caller)
    again = client.ask(prompt(schema=schema), caller=caller)
    assert len(endpoint.requests) == 1
    assert (again.text, again.data, again.model) == (first.text, first.data, first.model)
    assert (first.cached, first.tokens, first.calls) == (False, 1500, 1)
    assert (again.cached, again.tokens, again.calls, again.cost_usd) == (True, 0, 0, Decimal(0))
    asked, hit = AIStepExecution.objects.order_by("id")
    assert (asked.cached, asked.tokens_used) == (False, 1500)
    assert (hit.cached, hit.tokens_used) == (True, 0)
    assert (hit.exact_cost_usd, hit.cost_usd) == (Decimal(0), Decimal(0))
    assert (hit.prompt, hit.response, hit.error_code) == ("Say it.", '{"a": 1}', "")


def test_it_is_kept_for_half_an_hour_and_unreadable(endpoint: Endpoint, caller: Caller) -> None:
    endpoint.answers = [(200, completion("A secret answer"))]
    asked = prompt("A secret question")
    client.ask(asked, caller=caller)
    via = OpenAIProvider(endpoint=endpoint.url, api_key=KEY)
    name = cache.make_key(f"ai:response:{prompt_hash(asked, caller, via)}")
    redis = cache._cache.get_client(None)  # type: ignore[attr-defined]
    assert 1790 < redis.ttl(name) <= 1800
    assert b"secret" not in redis.get(name)
    assert WorkflowCacheManager.cache_strategies["ai_responses"].seconds == 1800


@pytest.mark.parametrize(
    "change",
    [
        {"text": "Say that."},
        {"system": "Be brief."},
        {"schema": {"type": "string"}},
        {"model": "other"},
        {"max_tokens": 7},
        {"temperature": 0.0},
        {"turns": (Turn("user", "No."),)},
    ],
)
def test_another_question_is_another_answer(
    endpoint: Endpoint, caller: Caller, change: dict[str, Any]
) -> None:
    via = client.provider()
    asked = prompt()
    assert prompt_hash(replace(asked, **change), caller, via) != prompt_hash(asked, caller, via)
    assert prompt_hash(replace(asked, timeout=1), caller, via) == prompt_hash(asked, caller, via)


def test_organisations_share_nothing(endpoint: Endpoint, caller: Caller) -> None:
    client.ask(prompt(), caller=caller)
    other = Organisation.objects.create(name="Other")
    client.ask(prompt(), caller=replace(caller, organisation_id=other.id))
    assert len(endpoint.requests) == 2


@pytest.mark.parametrize(
    ("fields", "who"),
    [
        ({"cache": False}, {}),
        ({}, {"organisation_id": None}),
        ({}, {"attempt": 2}),
    ],
)
def test_it_can_be_left_out(
    endpoint: Endpoint, caller: Caller, fields: dict[str, Any], who: dict[str, Any]
) -> None:
    for _ in range(2):
        client.ask(prompt(**fields), caller=replace(caller, **who))
    assert len(endpoint.requests) == 2


def test_a_second_attempt_replaces_the_answer(endpoint: Endpoint, caller: Caller) -> None:
    endpoint.answers = [(200, completion("First")), (200, completion("Second"))]
    client.ask(prompt(), caller=caller)
    client.ask(prompt(), caller=replace(caller, attempt=2))
    assert client.ask(prompt(), caller=caller).text == "Second"


def test_what_was_cut_off_is_not_kept(endpoint: Endpoint, caller: Caller) -> None:
    endpoint.answers = [(200, choice("length", content="Once"))]
    for _ in range(2):
        client.ask(prompt(), caller=caller)
    assert len(endpoint.requests) == 2


def test_each_model_has_its_own_answer(endpoint: Endpoint, caller: Caller) -> None:
    endpoint.answers = [(404, {}), (200, completion()), (404, {})]
    asked = prompt(f"Say {uuid7()}.", model="a", fallbacks=["b"])
    assert not client.ask(asked, caller=caller).cached
    answer = client.ask(asked, caller=caller)
    assert (answer.cached, answer.calls) == (True, 1)
    assert [request["model"] for request in endpoint.requests] == ["a", "b", "a"]
