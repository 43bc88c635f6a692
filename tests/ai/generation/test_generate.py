"""Drafts from plain words through the API: kept private, recorded, refused, repaired."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ai.models import AIStepExecution, AIWorkflowGeneration
from core.audit.models import AuditEntry
from engine.models import Workflow, WorkflowExecution, WorkflowSchedule
from tests.ai.endpoint import Endpoint, completion
from tests.support.cast import Cast

URL = "/api/v1/workflows/generate"
ADVANCED = "/api/v1/ai/workflows/generate"
CLEAR = (
    "Every Monday at 9am we get an amount and a purpose. Amounts above 200 need the approval of the"
    " manager. An email is sent to the employee."
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh_counts")]


def post(cast: Cast, url: str = URL, who: str = "team_mate", **body: Any) -> Any:
    return cast.client(who).post(url, body, format="json")


@pytest.mark.usefixtures("offline")
def test_a_draft_is_private_and_explained(cast: Cast) -> None:
    answer = post(cast, requirements=CLEAR, organisation=str(cast.team.pk))
    assert answer.status_code == 201, answer.content
    body = answer.json()
    workflow = Workflow.objects.get(id=body["workflow"]["id"])
    assert (workflow.owner, workflow.organisation) == (cast.team_mate.user, cast.team)
    assert not workflow.is_shared
    assert not WorkflowSchedule.objects.exists()
    assert not WorkflowExecution.objects.exists()
    steps = workflow.definition["steps"]
    assert {step["step_type"] for step in steps} >= {"DATA_COLLECTION", "DECISION"}
    assert all(step["ai_generated"] and step["ai_prompt"] for step in steps)
    assert [e["step_id"] for e in body["explanations"]] == [step["id"] for step in steps]
    assert body["suggested_schedule"] == "0 9 * * 1"
    assert "mail" in body["not_covered"][0]["reason"]
    assert body["notice"].startswith("No language model was asked")
    row = AIWorkflowGeneration.objects.get()
    assert (row.success, row.generated_workflow, row.ai_model) == (
        True,
        workflow,
        "offline-planner",
    )
    assert row.generation_time_ms is not None
    entry = AuditEntry.objects.get(action="workflow.generate")
    assert (entry.object_id, entry.outcome) == (str(workflow.pk), "done")
    assert set(AIStepExecution.objects.values_list("agent_type", flat=True)) == {"generation"}


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Improve our company.", "requirements_vague"),
        (
            "Orders over 10 must be approved by the boss. Orders over 10 must never be approved.",
            "requirements_contradictory",
        ),
        ("Travel back in time and cancel the order.", "requirements_impossible"),
    ],
)
def test_what_cannot_be_drawn_up_is_refused(cast: Cast, text: str, code: str) -> None:
    answer = post(cast, requirements=text)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    row = AIWorkflowGeneration.objects.get()
    assert (row.success, row.error_code, row.generated_workflow) == (False, code, None)
    assert row.error_message
    if code == "requirements_vague":
        assert len(answer.json()["details"]) >= 2


@pytest.mark.usefixtures("offline")
def test_options_bound_the_draft(cast: Cast) -> None:
    shown = post(cast, ADVANCED, requirements=CLEAR, name="Mine", options={"keep": False})
    assert (shown.status_code, shown.json()["workflow"]) == (200, None)
    assert shown.json()["definition"]["name"] == "Mine"
    assert Workflow.objects.count() == 2  # the cast's
    few = post(cast, ADVANCED, requirements=CLEAR, options={"max_steps": 1})
    assert (few.status_code, few.json()["code"]) == (422, "generation_failed")
    unknown = post(cast, ADVANCED, requirements=CLEAR, options={"step_types": ["MAGIC"]})
    assert unknown.json()["details"][0]["path"] == "options.step_types[0]"


@pytest.mark.usefixtures("offline")
def test_what_refuses_ai_is_left_alone(cast: Cast) -> None:
    body = {"requirements": CLEAR, "workflow": str(cast.shared.pk)}
    needs = post(cast, ADVANCED, **body)
    assert (needs.status_code, needs.json()["code"]) == (409, "change_needs_model")
    Workflow.objects.filter(id=cast.shared.pk).update(ai_configurable=False)
    refused = post(cast, ADVANCED, **body)
    assert (refused.status_code, refused.json()["code"]) == (409, "not_ai_configurable")
    assert AIWorkflowGeneration.objects.filter(success=False).count() == 2
    assert not AIStepExecution.objects.exists()
    outcomes = AuditEntry.objects.filter(action="workflow.generate")
    assert {entry.outcome for entry in outcomes} == {"refused"}


ANALYSIS = {
    "verdict": "clear", "reason": "", "questions": [], "step_types": ["TRANSFORM"],
    "experience_level": "beginner", "ai_assistance": [], "complexity": "simple",
    "integration_points": [],
}  # fmt: skip


def drafted(source: str) -> dict[str, Any]:
    return {
        "name": "Double",
        "inputs": {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]},
        "steps": [
            {
                "id": "double",
                "name": "Double it",
                "step_type": "TRANSFORM",
                "config": {"output": {"twice": source}},
                "explanation": "Doubles the number.",
            }
        ],
        "not_covered": [],
    }


def said(value: Any) -> tuple[int, Any]:
    return 200, completion(json.dumps(value))


def test_a_model_repairs_its_draft(cast: Cast, endpoint: Endpoint) -> None:
    endpoint.answers = [said(ANALYSIS), said(drafted("inputs.n *")), said(drafted("inputs.n * 2"))]
    answer = post(cast, requirements="Double the number n.")
    assert answer.status_code == 201, answer.content
    assert answer.json()["attempts"] == 2
    first, repair = (r["messages"][-1]["content"] for r in endpoint.requests[1:3])
    assert "The validator refused it" not in first
    assert "steps[0].config.output.twice" in repair
    assert AIWorkflowGeneration.objects.get().ai_model == "gpt-4o-mini-2024-07-18"


@pytest.mark.parametrize(
    ("schedule", "suggested", "reason"),
    [
        (" 0 9 * * 1 ", "0 9 * * 1", ""),
        ("", "", ""),
        ("every Monday at nine", "", "five fields"),
        ("0 9 * * 1 *", "", "five fields"),
        ("0 25 * * 1", "", "Not a cron expression"),
    ],
)
def test_a_schedule_is_suggested_that_can_be_made(
    cast: Cast, endpoint: Endpoint, schedule: str, suggested: str, reason: str
) -> None:
    endpoint.answers = [said(ANALYSIS), said(drafted("inputs.n * 2") | {"schedule": schedule})]
    answer = post(cast, requirements="Double the number n.")
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert body["suggested_schedule"] == suggested
    assert len(body["not_covered"]) == bool(reason)
    for each in body["not_covered"]:
        assert each["requirement"] == f"Schedule: {schedule}"
        assert reason in each["reason"]


def test_repairs_are_bounded(cast: Cast, endpoint: Endpoint) -> None:
    endpoint.answers = [said(ANALYSIS), said(drafted("nothing.there"))]
    answer = post(cast, requirements="Double the number n.")
    assert (answer.status_code, answer.json()["code"]) == (422, "generation_failed")
    assert len(endpoint.requests) == 4
    row = AIWorkflowGeneration.objects.get()
    assert not row.success
    assert row.error_message
    assert "steps[0]" in row.error_message
    assert Workflow.objects.count() == 2


def test_who_asks_again_gets_another_draft(cast: Cast, endpoint: Endpoint) -> None:
    endpoint.answers = [said(ANALYSIS), said(drafted("nothing.there"))]
    body = {"requirements": "Double the number n.", "organisation": str(cast.team.pk)}
    assert post(cast, **body).status_code == 422
    endpoint.answers = [said(ANALYSIS), said(drafted("inputs.n * 2"))]
    endpoint.requests.clear()
    assert post(cast, **body).status_code == 201


def test_a_change_is_proposed_and_not_made(cast: Cast, endpoint: Endpoint) -> None:
    endpoint.answers = [said(ANALYSIS), said(drafted("inputs.n * 2"))]
    before = cast.shared.latest
    answer = post(cast, ADVANCED, requirements="Double it.", workflow=str(cast.shared.pk))
    assert (answer.status_code, answer.json()["workflow"]) == (200, None)
    assert "Change this workflow" in endpoint.requests[1]["messages"][-1]["content"]
    cast.shared.refresh_from_db()
    assert cast.shared.latest == before


def test_an_unreachable_model_leaves_a_row(cast: Cast, endpoint: Endpoint) -> None:
    endpoint.answers = [(401, {"error": {"message": "no"}})]
    answer = post(cast, requirements=CLEAR)
    assert answer.status_code >= 500
    assert AIWorkflowGeneration.objects.get().error_code == answer.json()["code"]
    assert AuditEntry.objects.get(action="workflow.generate").outcome == "failed"
