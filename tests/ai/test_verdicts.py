"""AI steps whose answer waits for a person: accepted, edited, rejected with a reason."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from ai.models import AIStepExecution
from core.audit.models import AuditEntry
from core.errors import InvalidInput
from core.models import User
from engine import definitions, history
from engine.errors import InvalidDefinition, NotWaiting
from engine.models import ExecutionEvent, WorkflowExecution
from engine.services import WorkflowEngine
from tests.ai.endpoint import Endpoint, completion, unmarked
from tests.support.cast import Cast, work
from tests.support.workers import Worker, finish, wait_until
from tests.support.workflows import definition, start, step

SCHEMA = {
    "type": "object",
    "properties": {"mood": {"enum": ["good", "bad"]}},
    "required": ["mood"],
    "additionalProperties": False,
}


def reviewed(schema: Any = SCHEMA, review: Any = True, **fields: Any) -> dict[str, Any]:
    config = {"prompt": "How is it?", "review": review}
    if schema:
        config["schema"] = schema
    return definition(
        step("judge", step_type="AI_GENERATED", config=config, **fields),
        step(
            "after",
            "judge",
            config={"function": "tests.echo", "arguments": {"value": "${steps.judge.output}"}},
        ),
    )


def answer(run: WorkflowExecution, user: User, **said: Any) -> WorkflowExecution:
    WorkflowEngine().answer_step(run.id, "judge", said, user=user)
    return work(run)


def waiting(run: WorkflowExecution) -> Any:
    row = run.steps.get(step_id="judge")
    assert row.status == "waiting"
    return row.waiting_data


@pytest.mark.parametrize(
    "review", ["yes", {"max_rejections": -1}, {"max_rejections": 11}, {"who": "me"}]
)
def test_a_wrong_review_is_refused(review: Any) -> None:
    with pytest.raises(InvalidDefinition):
        definitions.parse(reviewed(review=review))


def test_an_answer_is_accepted(endpoint: Endpoint, user: User) -> None:
    endpoint.answers = [(200, completion('{"mood": "good"}'))]
    run = work(start(reviewed(review={"title": "Right?"}), user=user))
    asked = waiting(run)
    assert asked["title"] == "Right?"
    assert asked["details"]["answer"]["data"] == {"mood": "good"}
    assert asked["form"]["properties"]["data"] == SCHEMA
    run = answer(run, user, choice="accept", comment="Fine")
    assert run.status == "completed"
    row = run.steps.get(step_id="judge")
    assert row.output_data["data"] == {"mood": "good"}
    assert row.output_data["verdict"] == {"choice": "accept", "comment": "Fine", "rejections": 0}
    assert {name: value for name, value, _ in row.measurements or []} == {
        "ai_calls": 1,
        "ai_tokens": 1500,
    }


def test_an_answer_is_edited_within_the_schema(endpoint: Endpoint, user: User) -> None:
    endpoint.answers = [(200, completion('{"mood": "good"}'))]
    rules = {"rules": [{"expr": "output.data.mood != 'good'", "message": "too good"}]}
    run = work(start(reviewed(validation_rules=rules), user=user))
    for said in (
        {"choice": "edit", "data": {"mood": "ugly"}},
        {"choice": "edit", "data": {"mood": "good"}},  # against the step's own rules
        {"choice": "edit"},
        {"choice": "accept", "data": {"mood": "bad"}},
        {"choice": "accept"},
        {"choice": "maybe"},
        {"choice": "edit", "text": "bad"},
        "accept",
    ):
        with pytest.raises(InvalidInput):
            WorkflowEngine().answer_step(run.id, "judge", said, user=user)
        waiting(run)
    run = answer(run, user, choice="edit", data={"mood": "bad"})
    output = run.steps.get(step_id="judge").output_data
    assert (output["data"], json.loads(output["text"])) == ({"mood": "bad"}, {"mood": "bad"})
    assert run.steps.get(step_id="after").output_data["value"]["verdict"]["choice"] == "edit"


def test_free_text_is_edited(endpoint: Endpoint, user: User) -> None:
    run = work(start(reviewed(schema=None), user=user))
    run = answer(run, user, choice="edit", text="Better.")
    assert run.steps.get(step_id="judge").output_data["text"] == "Better."


def test_rejections_go_back_to_the_model_and_are_bounded(endpoint: Endpoint, user: User) -> None:
    texts = ['{"mood": "good"}', '{"mood": "bad"}', '{"mood": "good"}']
    endpoint.answers = [(200, completion(text)) for text in texts]
    run = work(start(reviewed(review={"max_rejections": 2}), user=user))
    with pytest.raises(InvalidInput):
        answer(run, user, choice="reject", comment="  ")
    run = answer(run, user, choice="reject", comment="Look at the weather")
    assert waiting(run)["details"]["answer"]["data"] == {"mood": "bad"}
    run = answer(run, user, choice="reject", comment="And at the news")
    sent = [unmarked(request["messages"][-1]["content"]) for request in endpoint.requests]
    assert "rejected" not in sent[0]
    raw = endpoint.requests[1]["messages"][-1]["content"]
    assert re.search(r'<data-(\w+)>{"mood": "good"}</data-\1>', raw), "a model's words are data"
    assert "Look at the weather" in sent[1]
    assert '{"mood": "good"}' in sent[1]
    assert sent[2].endswith("- Look at the weather\n- And at the news")
    assert '{"mood": "bad"}' in sent[2]
    assert '{"mood": "good"}' not in sent[2], "the last answer alone is shown again"
    run = answer(run, user, choice="accept")
    row = run.steps.get(step_id="judge")
    assert row.output_data["verdict"]["rejections"] == 2
    calls = AIStepExecution.objects.order_by("created_at", "id")
    assert [(call.attempt, call.response) for call in calls] == list(enumerate(texts, 1))
    assert {name: value for name, value, _ in row.measurements or []}["ai_tokens"] == 4500
    events = list(ExecutionEvent.objects.filter(execution=run).order_by("id"))
    back = [event.data["answered_by"] for event in events if event.kind == history.STEP_SENT_BACK]
    assert back == [str(user.id)] * 2
    status, steps = history.replay(events)
    assert (status, steps["judge", ""]) == ("completed", "completed")


def labels(run: WorkflowExecution) -> dict[str, str]:
    choices = waiting(run)["form"]["properties"]["choice"]["oneOf"]
    return {each["const"]: each["title"] for each in choices}


@pytest.mark.parametrize(
    ("review", "most"), [({"max_rejections": 1}, 1), ({"max_rejections": 0}, 0)]
)
def test_one_rejection_more_than_the_step_takes_fails_it(
    endpoint: Endpoint, user: User, review: dict[str, Any], most: int
) -> None:
    run = work(start(reviewed(schema=None, review=review), user=user))
    for _ in range(most):
        assert labels(run)["reject"] == "Reject it and ask again"
        run = answer(run, user, choice="reject", comment="No")
    assert labels(run)["reject"] == "Reject it: the step fails"
    with pytest.raises(InvalidInput):
        answer(run, user, choice="reject")
    run = answer(run, user, choice="reject", comment="Never")
    assert (run.status, run.error_code) == ("failed", "ai_answers_rejected")
    row = run.steps.get(step_id="judge")
    assert (row.status, row.error_code) == ("failed", "ai_answers_rejected")
    assert f"after {most} (max_rejections)" in str(row.error_message)
    assert "Never" not in str(row.error_message)
    assert len(endpoint.requests) == most + 1, "no call more"
    events = list(ExecutionEvent.objects.filter(execution=run).order_by("id"))
    assert history.replay(events)[0] == "failed"

    assert WorkflowEngine().retry_workflow(run.id)
    run = work(run)
    assert waiting(run)["details"]["rejected"] == []
    assert answer(run, user, choice="accept").status == "completed"


def test_rejected_answers_need_not_fail_the_run(endpoint: Endpoint, user: User) -> None:
    document = reviewed(schema=None, review={"max_rejections": 0}, on_error="continue")
    run = answer(work(start(document, user=user)), user, choice="reject", comment="No")
    assert run.status == "completed"
    output = run.steps.get(step_id="judge").output_data
    assert output["error"]["code"] == "ai_answers_rejected"
    assert len(endpoint.requests) == 1


def test_a_step_is_sent_back_once(endpoint: Endpoint, user: User) -> None:
    run = work(start(reviewed(schema=None), user=user))
    said = {"choice": "reject", "comment": "No"}
    WorkflowEngine().answer_step(run.id, "judge", said, user=user)
    with pytest.raises(NotWaiting):
        WorkflowEngine().answer_step(run.id, "judge", said, user=user)


def test_a_paused_run_goes_on_when_it_is_resumed(endpoint: Endpoint, user: User) -> None:
    run = work(start(reviewed(schema=None), user=user))
    assert WorkflowEngine().pause_workflow(run.id)
    said = {"choice": "reject", "comment": "No"}
    WorkflowEngine().answer_step(run.id, "judge", said, user=user)
    assert run.steps.get(step_id="judge").status == "ready"
    assert len(endpoint.requests) == 1
    assert WorkflowEngine().resume_workflow(run.id)
    run = work(run)
    assert len(endpoint.requests) == 2
    assert answer(run, user, choice="accept").status == "completed"


@pytest.mark.usefixtures("fresh_counts")
@pytest.mark.parametrize(
    ("said", "status", "rejections"),
    [
        ({"choice": "accept"}, "completed", 0),
        ({"choice": "accept", "comment": "Not for the log."}, "completed", 0),
        ({"choice": "edit", "text": "Not for the log."}, "completed", 0),
        ({"choice": "reject", "comment": "Not for the log."}, "ready", 1),
    ],
)
def test_who_decided_what_is_told(
    cast: Cast, endpoint: Endpoint, said: dict[str, Any], status: str, rejections: int
) -> None:
    run = work(start(reviewed(schema=None), user=cast.owner.user))
    path = f"/api/v1/executions/{run.id}/steps/judge/answer"
    response = cast.owner.api.post(path, {"answer": said}, format="json")
    assert (response.status_code, response.json()["status"]) == (200, status)
    told = AuditEntry.objects.get()
    assert (told.action, told.user_id) == ("step.answer", cast.owner.user.id)
    verdict = {"step": "judge", "verdict": said["choice"], "rejections": rejections}
    assert told.details == verdict


@pytest.mark.usefixtures("fresh_counts")
def test_a_verdict_that_does_not_fit_is_not_told(cast: Cast, endpoint: Endpoint) -> None:
    run = work(start(reviewed(schema=None), user=cast.owner.user))
    path = f"/api/v1/executions/{run.id}/steps/judge/answer"
    response = cast.owner.api.post(path, {"answer": {"choice": "reject"}}, format="json")
    assert response.status_code == 400
    assert not AuditEntry.objects.exists()


def test_the_admin_asks_by_its_form(endpoint: Endpoint, user: User, admin_client: Any) -> None:
    run = work(start(reviewed(None), user=user))
    row = run.steps.get(step_id="judge")
    address = f"/admin/workflow_engine/stepexecution/{row.pk}/answer/"
    page = admin_client.get(address).content.decode()
    assert "Fine." in page
    assert "accept" in page
    sent = admin_client.post(address, {"answer": '{"choice": "accept"}'})
    assert sent.status_code == 302
    row.refresh_from_db()
    assert row.status == "completed"
    told = AuditEntry.objects.get(action="step.answer").details
    assert (told["step"], told["verdict"]) == ("judge", "accept")


def test_on_a_real_worker(user: User, worker: Worker, ai_worker: Worker) -> None:
    run = start(reviewed(schema=None), user=user)
    row = run.steps.get(step_id="judge")

    def waits() -> bool:
        row.refresh_from_db()
        return row.status == "waiting"

    wait_until(waits, what="the answer")
    engine = WorkflowEngine()
    engine.answer_step(run.id, "judge", {"choice": "reject", "comment": "No"}, user=user)
    wait_until(waits, what="the second answer")
    engine.answer_step(run.id, "judge", {"choice": "accept"}, user=user)
    assert finish(run.id).status == "completed"
    assert AIStepExecution.objects.filter(step_execution=row).count() == 2


def test_a_verdict_on_an_earlier_answer_is_not_taken_for_the_next(
    cast: Cast, admin_client: Client
) -> None:
    run = work(start(reviewed(schema=None), user=cast.owner.user))
    row = run.steps.get(step_id="judge")
    page = reverse("admin:workflow_engine_stepexecution_answer", args=[row.pk])
    seen = 'name="attempt" value="1"'
    assert seen in admin_client.get(page).content.decode()
    address = f"/api/v1/executions/{run.id}/steps/judge/answer"
    reject = {"answer": {"choice": "reject", "comment": "No"}, "attempt": row.attempt}
    assert cast.owner.api.post(address, reject, format="json").status_code == 200
    work(run)
    accept = {"answer": {"choice": "accept"}}
    late = cast.owner.api.post(address, {**accept, "attempt": 1}, format="json")
    assert (late.status_code, late.json()["code"]) == (409, "question_changed")
    admin_client.post(page, {"answer": '{"choice": "accept"}', "attempt": "1"})
    row.refresh_from_db()
    assert (row.status, row.attempt) == ("waiting", 2)
    new = cast.owner.api.post(address, {**accept, "attempt": 2}, format="json")
    assert (new.status_code, new.json()["status"]) == (200, "completed")
