"""Tools of AI steps: what a model asks for, and what it is told, on a real HTTP server."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from ai import client, errors, lookups, tools
from ai.budgets.errors import AIBudgetExhausted
from ai.budgets.limits import create_budget
from ai.budgets.models import AIBudgetAccount, AIBudgetReservation
from ai.client import Answer, Caller
from ai.models import AIStepExecution
from ai.providers.base import Prompt
from core.models import Organisation, User
from engine import functions
from tests.ai.endpoint import Endpoint, choice, completion, unmarked
from tests.support.cast import Cast
from tests.support.workflows import definition, start, step

pytestmark = pytest.mark.django_db
CALLER = Caller(agent_type="tests")
SCHEMA = {
    "type": "object",
    "properties": {"open": {"type": "integer"}},
    "required": ["open"],
}


def asked(*calls: tuple[str, Any], **fields: Any) -> tuple[int, dict[str, Any]]:
    """An answer that asks for tools: (name, arguments) each."""
    return 200, choice(
        "tool_calls",
        tool_calls=[
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": given if isinstance(given, str) else json.dumps(given),
                },
            }
            for number, (name, given) in enumerate(calls)
        ],
        **fields,
    )


def prompt(*names: str, rounds: int = tools.ROUNDS, text: str = "Look.", **more: Any) -> Prompt:
    offered = tools.offered(names or ("tests.find",))
    return client.new_prompt(
        text, **{"timeout": 5.0, "tools": offered, "tool_rounds": rounds, **more}
    )


def ask(*names: str, caller: Caller = CALLER, **fields: Any) -> Answer:
    return client.ask(prompt(*names, **fields), caller=caller)


def theirs(user: User) -> Organisation:
    """An organisation of the user's."""
    return start(definition(step("a")), user=user).workflow.organisation


def told(endpoint: Endpoint, number: int = -1) -> list[str]:
    """What the tools gave, as one request tells the model."""
    messages = endpoint.requests[number]["messages"]
    return [unmarked(m["content"]) for m in messages if m["role"] == "tool"]


def rows() -> list[AIStepExecution]:
    return list(AIStepExecution.objects.order_by("call_number"))


def test_a_model_looks_something_up(endpoint: Endpoint) -> None:
    endpoint.answers = [asked(("tests_find", {"key": "Acme"})), (200, completion("Three."))]
    answer = ask("tests.find", system="Be brief.")
    assert (answer.text, answer.calls, answer.tokens) == ("Three.", 2, 3000)
    first, second = endpoint.requests
    (offered,) = first["tools"]
    assert offered["function"]["name"] == "tests_find"
    assert offered["function"]["description"] == "Finds what is kept under a key."
    assert offered["function"]["parameters"]["required"] == ["key"]
    assert first["tool_choice"] == "auto"
    assistant, tool = second["messages"][-2:]
    (call,) = assistant["tool_calls"]
    assert (call["id"], call["function"]["name"]) == ("call_0", "tests_find")
    assert json.loads(call["function"]["arguments"]) == {"key": "Acme"}
    assert (tool["role"], tool["tool_call_id"]) == ("tool", "call_0")
    assert json.loads(unmarked(tool["content"])) == {"found": "Acme has 3 open orders"}
    assert tool["content"].startswith("<data-"), "what a tool gives is data"


def test_every_round_is_a_row_that_tells_what_was_looked_up(endpoint: Endpoint) -> None:
    endpoint.answers = [asked(("tests_find", {"key": "Acme"})), (200, completion("Three."))]
    answer = ask()
    first, second = rows()
    (call,) = first.tool_calls
    size = len(json.dumps({"found": "Acme has 3 open orders"}))
    assert call | {"time_ms": 0} == {
        "name": "tests.find",
        "arguments": '{"key": "Acme"}',
        "characters": size,
        "error": "",
        "time_ms": 0,
    }
    assert [each.name for each in answer.lookups] == ["tests.find"]
    assert (first.error_code, first.response, first.tokens_used) == ("", "", 1500)
    assert (second.response, second.tool_calls, second.tokens_used) == ("Three.", None, 1500)
    assert "Acme has 3 open orders" in second.prompt, "what a tool gave is in what was sent"
    with connection.cursor() as cursor:
        cursor.execute("SELECT tool_calls::text FROM ai_step_executions WHERE call_number = 1")
        assert "Acme" not in cursor.fetchone()[0], "encrypted at rest"


def test_several_calls_at_once_and_names_that_look_alike(endpoint: Endpoint) -> None:
    functions.workflow_function("tests_find", read_only=True)(alike)
    try:
        names = [tool.name for tool in tools.offered(["tests.find", "tests_find"])]
        assert names == ["tests_find", "tests_find_2"]
        calls = [("tests_find", {"key": "a"}), ("tests_find_2", {}), ("tests_find", {"key": "b"})]
        endpoint.answers = [asked(*calls), (200, completion())]
        ask("tests.find", "tests_find")
    finally:
        functions._functions.pop("tests_find")
    assert [json.loads(text) for text in told(endpoint)] == [
        {"found": "a has 3 open orders"},
        {"result": "another"},
        {"found": "b has 3 open orders"},
    ]


def alike() -> str:
    return "another"


@pytest.mark.parametrize(
    ("name", "given", "code", "says"),
    [
        ("no_such", {}, "unknown_tool", "There are: tests_find, tests_raise, tests_say"),
        ("tests_write", {"path": "x", "text": "x"}, "unknown_tool", "no such tool"),
        ("", "", "unknown_tool", "no such tool"),
        ("tests_find", "{", "invalid_arguments", "no JSON"),
        ("tests_find", "[]", "invalid_arguments", "no JSON object"),
        ("tests_find", "{}", "invalid_arguments", "key"),
        ("tests_find", {"key": 5}, "invalid_arguments", "arguments.key"),
        ("tests_find", {"key": "a", "more": 1}, "invalid_arguments", "more"),
        ("tests_find", {"key": "a" * 30_000}, "invalid_arguments", "20,000"),
        ("tests_raise", {}, "failed", "The tool failed."),
        ("tests_raise", {"how": "exit"}, "failed", "The tool failed."),
        ("tests_raise", {"how": "interrupted"}, "failed", "The tool failed."),
        ("tests_say", {"text": "x", "seconds": 30}, "timeout", "longer than 0.2 s"),
        ("tests_claim", {"name": "gone"}, "failed", "The tool failed."),
        ("tests_ask", {"statement_seconds": 30}, "timeout", "longer"),
    ],
)
def test_what_a_tool_cannot_do_is_told_to_the_model(
    endpoint: Endpoint, settings: Settings, name: str, given: Any, code: str, says: str
) -> None:
    settings.AI_TOOL_SECONDS = 0.2
    endpoint.answers = [asked((name, given)), (200, completion("Then not."))]
    offered = ["tests.find", "tests.raise", "tests.say", "tests.claim", "tests.ask"]
    assert ask(*offered).text == "Then not."
    (text,) = told(endpoint)
    assert text.startswith("Error: ")
    assert says.split(":")[-1].split(",")[0] in text
    assert "hunter2" not in json.dumps(endpoint.requests)
    first, _ = rows()
    assert first.tool_calls[0]["error"] == code
    for call in endpoint.requests[1]["messages"][-2]["tool_calls"]:
        json.loads(call["function"]["arguments"])


def test_a_result_is_bounded_and_all_of_them_together(endpoint: Endpoint) -> None:
    long = {"text": "x", "times": 30_000}
    endpoint.answers = [
        asked(*[("tests_say", long)] * 4),
        asked(*[("tests_say", long)] * 3),
        (200, completion()),
    ]
    ask("tests.say")
    texts = told(endpoint)
    assert len(texts) == 7
    assert "(cut off: 30,014 characters in all)" in texts[0]
    assert sum(len(text) for text in texts) < lookups.MAX_RESULTS + 2_000
    assert texts[-1] == "Error: The tools have given all that they may."
    assert rows()[0].tool_calls[0]["characters"] == 30_014


def test_too_many_calls_at_once(endpoint: Endpoint) -> None:
    calls = [("tests_find", {"key": str(n)}) for n in range(500)]
    endpoint.answers = [asked(*calls), (200, completion())]
    ask()
    texts = told(endpoint)
    assert len(texts) == 32, "the rest is passed over"
    assert ["Error" in text for text in texts] == [False] * lookups.MAX_CALLS + [True] * 24


def test_rounds_end_and_the_model_has_to_answer(endpoint: Endpoint) -> None:
    again = asked(("tests_find", {"key": "a"}))
    endpoint.answers = [again, again, (200, completion("Enough."))]
    assert ask(rounds=2).text == "Enough."
    assert [request["tool_choice"] for request in endpoint.requests] == ["auto", "auto", "none"]


def test_a_model_that_goes_on_asking_ends_typed(endpoint: Endpoint, settings: Settings) -> None:
    settings.AI_RETRIES = settings.AI_REPAIRS = 3
    endpoint.answers = [asked(("tests_find", {"key": "a"}))]
    with pytest.raises(errors.AIToolLimit):
        ask(rounds=3, fallbacks=["another"])
    assert len(endpoint.requests) == 4
    assert [row.error_code for row in rows()] == ["", "", "", "ai_tool_limit"]
    assert sum(row.tokens_used or 0 for row in rows()) == 4 * 1500


def test_an_answer_after_tools_is_checked_and_repaired(
    endpoint: Endpoint, settings: Settings
) -> None:
    settings.AI_REPAIRS = 1
    endpoint.answers = [
        asked(("tests_find", {"key": "a"})),
        (200, completion('{"open": "three"}')),
        (200, completion('{"open": 3}')),
    ]
    assert ask(schema=SCHEMA).data == {"open": 3}
    roles = [message["role"] for message in endpoint.requests[-1]["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "assistant", "user"]


def test_failures_between_the_rounds_are_tried_again(
    endpoint: Endpoint, settings: Settings
) -> None:
    settings.AI_RETRIES = 2
    looks = asked(("tests_find", {"key": "a"}))
    endpoint.answers = [(500, {}), looks, (429, {}), (200, completion("Three."))]
    assert ask().calls == 4
    assert [row.error_code for row in rows()] == ["ai_server_error", "", "ai_rate_limited", ""]
    assert len(told(endpoint)) == 1


def test_another_model_begins_anew(endpoint: Endpoint, settings: Settings) -> None:
    settings.AI_TIMEOUT_SECONDS = settings.AI_TOOL_SECONDS = 60.0  # on however slow a machine
    endpoint.answers = [
        asked(("tests_find", {"key": "a"})),
        (500, {}),
        asked(("tests_find", {"key": "b"})),
        (200, completion("Three.")),
    ]
    assert ask(fallbacks=["another"], timeout=60.0).text == "Three."
    models = [request["model"] for request in endpoint.requests]
    assert models == ["gpt-4o-mini"] * 2 + ["another"] * 2
    assert [len(told(endpoint, number)) for number in range(4)] == [0, 1, 0, 1]


def test_tools_take_no_more_time_than_the_question_has(endpoint: Endpoint) -> None:
    endpoint.answers = [asked(*[("tests_say", {"seconds": 30})] * 8)]
    with pytest.raises(errors.AITimeout):
        ask("tests.say", timeout=1.0)
    assert len(endpoint.requests) == 1
    (row,) = rows()
    assert [call["error"] for call in row.tool_calls] == ["timeout"] * 8, "none came to its end"


def test_who_asks_nothing_is_offered_nothing(endpoint: Endpoint) -> None:
    endpoint.answers = [asked(("tests_find", {"key": "a"}), content="Fine.")]
    answer = client.ask(client.new_prompt("Say it.", timeout=5.0), caller=CALLER)
    assert answer.text == "Fine."
    assert "tools" not in endpoint.requests[0]


def test_an_answer_with_tools_is_not_kept(endpoint: Endpoint, user: User) -> None:
    caller = Caller(agent_type="tests", organisation_id=theirs(user).pk)
    assert not ask(caller=caller).cached
    assert not ask(caller=caller).cached
    assert len(endpoint.requests) == 2


def test_a_tool_knows_for_whom_it_is_called(endpoint: Endpoint, user: User) -> None:
    organisation = theirs(user)
    forged = {"owner": {"user_id": str(organisation.pk)}}
    endpoint.answers = [asked(("tests_owner", {}), ("tests_owner", forged)), (200, completion())]
    caller = Caller(agent_type="tests", user_id=user.pk, organisation_id=organisation.pk)
    ask("tests.owner", caller=caller)
    assert "owner" not in endpoint.requests[0]["tools"][0]["function"]["parameters"]["properties"]
    mine, other = told(endpoint)
    assert json.loads(mine) == {"user": str(user.pk), "organisation": str(organisation.pk)}
    assert other.startswith("Error: These arguments do not fit")


def test_a_tool_that_is_gone(endpoint: Endpoint) -> None:
    with pytest.raises(errors.AIToolUnavailable):
        tools.offered(["tests.gone"])
    assert endpoint.requests == []


def test_the_offline_provider_calls_none(offline: None) -> None:
    answer = ask(text="Acme has three open orders. Nothing else is known.")
    assert answer.provider == "offline"
    assert answer.lookups == ()


def test_budgets_hold_between_the_rounds(
    endpoint: Endpoint, user: User, settings: Settings
) -> None:
    price = {"input": Decimal(100), "output": Decimal(100), "cached_input": None}
    settings.AI_PRICES = {"gpt-4o-mini": price, "gpt-4o-mini-2024-07-18": price}
    organisation = theirs(user)
    limit = Decimal("0.7")  # a call costs 0.15; before it up to 0.4 and its prompt are reserved
    create_budget(organisation=organisation, scope="organisation", hard_limit_usd=limit)
    endpoint.answers = [asked(("tests_say", {"text": "x", "times": 1}))]
    caller = Caller(agent_type="tests", user_id=user.pk, organisation_id=organisation.pk)
    with pytest.raises(AIBudgetExhausted):
        ask("tests.say", rounds=20, max_tokens=2_000, timeout=1.0, caller=caller)
    made = len(endpoint.requests)
    assert 1 <= made < 5
    account = AIBudgetAccount.objects.get(
        scope="organisation", period="day", organisation_id=organisation.pk
    )
    assert account.spent_usd == made * Decimal("0.15")
    assert (account.reserved_usd, account.unconfirmed_usd) == (0, 0)
    assert account.spent_usd <= limit
    assert AIBudgetReservation.objects.count() == made == len(rows())


def test_trying_a_step_tells_of_its_tools(
    cast: Cast, endpoint: Endpoint, fresh_counts: None
) -> None:
    endpoint.answers = [asked(("tests_owner", {})), (200, completion("Done."))]
    config = {"prompt": "Look.", "tools": ["tests.owner"]}
    look = {"id": "look", "name": "Look", "step_type": "AI_GENERATED", "config": config}
    answer = cast.owner.api.post("/api/v1/ai/steps/execute", {"step": look}, format="json")
    assert answer.status_code == 200, answer.content
    (call,) = answer.json()["tool_calls"]
    assert (call["name"], call["arguments"], call["error"]) == ("tests.owner", "{}", "")
    assert str(cast.owner.user.id) in told(endpoint)[0]


def test_the_admin_shows_calls_to_those_who_may_read(admin_client: Any, endpoint: Endpoint) -> None:
    endpoint.answers = [asked(("tests_find", {"key": "Acme"})), (200, completion())]
    ask()
    page = admin_client.get(f"/admin/workflow_ai/aistepexecution/{rows()[0].pk}/change/")
    assert page.status_code == 200
    assert "tests.find" in page.content.decode()
