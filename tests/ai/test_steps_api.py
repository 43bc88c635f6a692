"""Trying an AI step over HTTP: at the API's address and at the one that the front end calls."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ai.models import AIStepExecution
from core.audit.models import AuditEntry, Outcome
from engine.workflows import create_workflow
from tests.ai.endpoint import Endpoint, completion, unmarked
from tests.support.cast import Cast
from tests.support.workflows import definition, step

ADDRESSES = ("/api/v1/ai/steps/execute", "/api/workflows/ai/execute-step")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_counts")]

AI_STEP = step(
    "comment",
    "first",
    step_type="AI_GENERATED",
    config={
        "prompt": "Comment on ${steps.first.output.value} for ${inputs.name}",
        "schema": {"type": "object", "properties": {"text": {"type": "string"}}},
    },
    validation_rules={"rules": [{"expr": "output.data.text != 'bad'", "message": "is bad"}]},
)
DATA = {"inputs": {"name": "Ada"}, "steps": {"first": {"output": {"value": 5}}}}


def ask(client: Any, body: Any, address: str = ADDRESSES[0]) -> Any:
    return client.post(address, body, format="json")


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_step_is_tried(address: str, cast: Cast, endpoint: Endpoint) -> None:
    endpoint.answers = [(200, completion('{"text": "bad"}'))]
    answer = ask(cast.owner.api, {"step": AI_STEP, "context": {"data": DATA}}, address)
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert body["step_id"] == "comment"
    assert body["output"]["data"] == {"text": "bad"}
    assert body["problems"] == [{"path": "", "message": "is bad"}]
    sent = unmarked(endpoint.requests[0]["messages"][-1]["content"])
    assert sent.endswith("Comment on 5 for Ada")
    assert body["usage"]["calls"] == 1
    assert body["usage"]["tokens"] == 1500
    assert body["usage"]["cost_usd"] is None, "the local endpoint has no price"
    row = AIStepExecution.objects.get()
    assert (row.agent_type, row.user_id, row.workflow_id) == (
        "step_try",
        cast.owner.user.id,
        None,
    )
    assert row.organisation_id is not None
    assert (row.step_execution_id, row.attempt) == (None, 0)
    told = AuditEntry.objects.get()
    assert (told.action, told.outcome) == ("ai_step.try", Outcome.DONE)
    assert told.organisation_id == row.organisation_id
    assert "Ada" not in str(vars(told))


def test_a_saved_step_and_another_prompt_for_it(cast: Cast, endpoint: Endpoint) -> None:
    endpoint.answers = [(200, completion('{"text": "ok"}'))]
    saved = create_workflow(
        document=definition(step("first"), AI_STEP),
        owner=cast.owner.user,
        organisation=cast.team,
        is_shared=True,
    )
    body = {"workflow": str(saved.id), "step_id": "comment", "context": {"data": DATA}}
    assert ask(cast.team_mate.api, body).status_code == 200
    other = body | {"prompt": "Only ${inputs.name}", "context": {"data": {"inputs": {"name": "B"}}}}
    answer = ask(cast.team_mate.api, other)
    assert (answer.status_code, answer.json()["step_id"]) == (200, "comment")
    sent = [unmarked(r["messages"][-1]["content"]) for r in endpoint.requests]
    assert sent[0].endswith("Comment on 5 for Ada")
    assert sent[1].endswith("Only B")
    for row in AIStepExecution.objects.all():
        assert (row.workflow_id, row.organisation_id) == (saved.id, cast.team.id)


def test_what_the_front_end_sends_is_enough(cast: Cast, offline: None) -> None:
    body = {"step_id": "2. greet", "prompt": "Sales rose by 5%.", "context": {}}
    answer = ask(cast.owner.api, body, ADDRESSES[1])
    assert answer.status_code == 200, answer.content
    assert answer.json()["step_id"] == "2. greet"
    assert answer.json()["output"]["provider"] == "offline"
    assert Decimal(answer.json()["usage"]["cost_usd"]) == 0


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        ({}, "invalid_input", "step"),
        ({"step": AI_STEP, "prompt": "x"}, "invalid_input", "prompt"),
        ({"step": {"id": "a"}}, "invalid_definition", "step.name"),
        ({"step": step("a")}, "not_an_ai_step", ""),
        ({"prompt": "${nobody.knows}"}, "invalid_definition", "step.config.prompt"),
        ({"prompt": "${inputs.x}"}, "expression_error", ""),
        ({"step": AI_STEP}, "invalid_context", "context.data.steps.first"),
        (
            {"prompt": "x", "context": {"data": {"input": {}}}},
            "invalid_context",
            "context.data.input",
        ),
        (
            {"prompt": "x", "context": {"data": {"inputs": []}}},
            "invalid_context",
            "context.data.inputs",
        ),
        ({"prompt": "x", "organisation": "5"}, "invalid_input", "organisation"),
    ],
)  # fmt: skip
def test_wrong_requests_are_refused(
    body: Any, code: str, path: str, cast: Cast, endpoint: Endpoint
) -> None:
    answer = ask(cast.owner.api, body)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.content
    details = answer.json()["details"]
    assert path in [detail["path"] for detail in details] or (path == "" and not details)
    assert endpoint.requests == []
    assert not AIStepExecution.objects.exists()


def test_a_workflow_pays_by_its_organisation_only(cast: Cast, offline: None) -> None:
    answer = ask(
        cast.team_mate.api,
        {"workflow": str(cast.private.id), "step_id": "first"},
    )
    assert (answer.status_code, answer.json()["details"][0]["path"]) == (404, "workflow")
    answer = ask(cast.owner.api, {"workflow": str(cast.shared.id), "step_id": "nothing"})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_step")


def test_a_failing_endpoint_is_told(cast: Cast, endpoint: Endpoint) -> None:
    endpoint.answers = [(400, {"error": {"message": "no such model"}})]
    answer = ask(cast.owner.api, {"prompt": "x"})
    assert (answer.status_code, answer.json()["code"]) == (502, "ai_request_rejected")
    assert AIStepExecution.objects.get().error_code == "ai_request_rejected"
    told = AuditEntry.objects.get()
    assert (told.outcome, told.details["error"]) == (Outcome.FAILED, "ai_request_rejected")


def test_tries_are_counted(cast: Cast, offline: None) -> None:
    codes = [ask(cast.owner.api, {"prompt": "Hello."}).status_code for _ in range(32)]
    assert codes == [200] * 30 + [429] * 2
    assert ask(cast.team_mate.api, {"prompt": "Hello."}).status_code == 200
