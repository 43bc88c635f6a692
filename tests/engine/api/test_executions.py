from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from engine.api.payloads import LISTED_BYTES
from engine.models import StepExecution, WorkflowExecution
from engine.workflows import create_workflow, update_workflow
from tests.support.cast import SAMPLE, Cast, work
from tests.support.workers import finish
from tests.support.workflows import calls, definition, start, step

LIST = "/api/v1/executions"


@pytest.fixture
def waiting_run(team_run: WorkflowExecution) -> WorkflowExecution:
    return work(team_run)


def test_detail(cast: Cast, waiting_run: WorkflowExecution) -> None:
    run = cast.team_mate.api.get(f"{LIST}/{waiting_run.id}").json()
    context = run.pop("context")
    times = [run.pop(name) for name in ("created_at", "started_at")]
    assert run == {
        "id": str(waiting_run.id),
        "workflow_id": str(cast.shared.id),
        "workflow_name": "Sample",
        "definition_version": 1,
        "user_id": str(cast.team_mate.user.id),
        "session_id": "tests",
        "status": "running",
        "waiting": True,
        "error_code": "",
        "completed_at": None,
        "results": None,
        "error_message": None,
    }
    assert None not in times
    assert context["data"] == {"amount": 5}
    assert context["user_id"] == str(cast.team_mate.user.id)


def test_run_keeps_its_version(cast: Cast, team_run: WorkflowExecution) -> None:
    changed = update_workflow(
        workflow=cast.shared, document=SAMPLE | {"version": "2"}, user=cast.owner.user
    )
    assert cast.owner.api.get(f"{LIST}/{team_run.id}").json()["definition_version"] == 1
    new = start(changed, user=cast.owner.user)
    assert cast.owner.api.get(f"{LIST}/{new.id}").json()["definition_version"] == 2


def test_answer_completes_the_run(cast: Cast, waiting_run: WorkflowExecution) -> None:
    address = f"{LIST}/{waiting_run.id}/steps/ask"
    asked = cast.team_mate.api.get(address).json()
    assert (asked["status"], asked["waiting"]["kind"]) == ("waiting", "person")
    assert asked["waiting"]["title"] == "Go on?"
    assert set(asked["waiting"]["form"]["properties"]) == {"choice", "comment"}
    answered = cast.team_mate.api.post(
        f"{address}/answer", {"answer": {"choice": "yes", "comment": "ok"}}, format="json"
    )
    assert answered.status_code == 200
    assert (answered.json()["status"], answered.json()["waiting"]) == ("completed", None)
    assert answered.json()["output_data"] == {"choice": "yes", "comment": "ok", "chosen": ["last"]}
    work(waiting_run)
    run = cast.team_mate.api.get(f"{LIST}/{waiting_run.id}").json()
    assert (run["status"], run["waiting"], run["results"]) == (
        "completed",
        False,
        {"last": {"value": "last"}},
    )


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "answer"),
        ({"answer": "yes"}, "answer"),
        ({"answer": {}}, "answer"),
        ({"answer": {"choice": "maybe"}}, "answer.choice"),
        ({"answer": {"choice": "yes", "mood": 1}}, "answer"),
        ({"answer": {"choice": "yes"}, "comment": ""}, "comment"),
    ],
)
def test_wrong_answers(cast: Cast, waiting_run: WorkflowExecution, body: Any, path: str) -> None:
    address = f"{LIST}/{waiting_run.id}/steps/ask/answer"
    response = cast.team_mate.api.post(address, body, format="json")
    assert response.status_code == 400, response.content
    assert response.json()["details"][0]["path"].startswith(path)
    assert StepExecution.objects.get(execution=waiting_run, step_id="ask").status == "waiting"


def test_answer_that_breaks_the_steps_rules(cast: Cast) -> None:
    form = {
        "id": "form",
        "name": "Form",
        "step_type": "DATA_COLLECTION",
        "config": {"source": "form", "title": "Limit?", "form": {"type": "object"}},
        "validation_rules": {"rules": [{"expr": "output.limit < 10.0", "message": "too much"}]},
    }
    workflow = create_workflow(document=definition(form), owner=cast.owner.user)
    run = work(start(workflow, user=cast.owner.user))
    address = f"{LIST}/{run.id}/steps/form/answer"
    refused = cast.owner.api.post(address, {"answer": {"limit": 11}}, format="json")
    assert refused.status_code == 400, refused.content
    assert "too much" in refused.content.decode()
    accepted = cast.owner.api.post(address, {"answer": {"limit": 9}}, format="json")
    assert accepted.status_code == 200, accepted.content


@pytest.mark.django_db(transaction=True)
def test_one_of_many_answers_counts(cast: Cast, waiting_run: WorkflowExecution) -> None:
    barrier = threading.Barrier(6)
    codes: list[str] = []

    def answer() -> None:
        api = APIClient()
        api.force_authenticate(cast.owner.user)
        try:
            barrier.wait()
            address = f"{LIST}/{waiting_run.id}/steps/ask/answer"
            response = api.post(address, {"answer": {"choice": "yes"}}, format="json")
            codes.append(response.json().get("code", "accepted"))
        finally:
            connection.close()

    threads = [threading.Thread(target=answer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["accepted"] + ["not_waiting"] * 5
    work(waiting_run)  # or a living worker of another test, which takes the message meanwhile
    assert finish(waiting_run.id).status == "completed"


def test_nothing_waits(cast: Cast, team_run: WorkflowExecution) -> None:
    body = {"answer": {"choice": "yes"}}
    address = f"{LIST}/{team_run.id}/steps"
    for _ in range(2):
        early = cast.owner.api.post(f"{address}/ask/answer", body, format="json")
        assert (early.status_code, early.json()["code"]) == (409, "not_waiting")
    work(team_run)
    assert cast.owner.api.post(f"{address}/ask/answer", body, format="json").status_code == 200
    late = cast.owner.api.post(f"{address}/ask/answer", body, format="json")
    assert (late.status_code, late.json()["code"]) == (409, "not_waiting")
    unknown = cast.owner.api.post(f"{address}/none/answer", body, format="json")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_step")


def test_steps(cast: Cast, waiting_run: WorkflowExecution) -> None:
    rows = cast.owner.api.get(f"{LIST}/{waiting_run.id}/steps").json()["results"]
    assert [(row["step_id"], row["status"], row["attempt"]) for row in rows] == [
        ("first", "completed", 1),
        ("ask", "waiting", 1),
        ("last", "pending", 0),
    ]
    first, ask, last = rows
    assert first["output_data"] == {"value": "first"}
    assert first["input_data"]["config"]["function"] == "tests.echo"
    assert first["execution_time_ms"] >= 0
    assert first["completed_at"] is not None
    assert (first["waiting"], first["omitted"]) == (None, [])
    assert ask["waiting"]["title"] == "Go on?"
    assert (last["output_data"], last["started_at"]) == (None, None)
    waiting = cast.owner.api.get(f"{LIST}/{waiting_run.id}/steps?status=waiting").json()
    assert [row["step_id"] for row in waiting["results"]] == ["ask"]


def test_large_payloads_are_left_out_of_lists(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    text = "x" * LISTED_BYTES
    document = definition(step("small"), step("large", **calls("tests.echo", value=text)))
    workflow = create_workflow(document=document, owner=cast.owner.user)
    run = work(start(workflow, user=cast.owner.user))
    cast.owner.api.get("/api/v1/me")  # notes that the token was used
    with django_assert_num_queries(3):
        rows = cast.owner.api.get(f"{LIST}/{run.id}/steps").json()["results"]
    assert [(row["output_data"], row["omitted"]) for row in rows] == [
        ({"value": "small"}, []),
        (None, ["input_data", "output_data"]),
    ]
    step_row = cast.owner.api.get(f"{LIST}/{run.id}/steps/large").json()
    assert step_row["output_data"] == {"value": text}


def test_failed_step_shows_its_error(cast: Cast) -> None:
    document = definition(step("a", **calls("tests.fail", message="no luck")))
    workflow = create_workflow(document=document, owner=cast.owner.user)
    run = work(start(workflow, user=cast.owner.user))
    row = cast.owner.api.get(f"{LIST}/{run.id}/steps").json()["results"][0]
    assert (row["status"], row["error_code"]) == ("failed", "step_failed")
    assert "no luck" in row["error_message"]


def test_events(cast: Cast, waiting_run: WorkflowExecution) -> None:
    address = f"{LIST}/{waiting_run.id}/events"
    page = cast.owner.api.get(f"{address}?page_size=3").json()
    kinds = []
    while True:
        kinds += [(row["kind"], row["step_id"]) for row in page["results"]]
        if page["next"] is None:
            break
        page = cast.owner.api.get(page["next"]).json()
    assert kinds == [
        ("execution.started", ""),
        ("step.ready", "first"),
        ("step.started", "first"),
        ("step.completed", "first"),
        ("step.ready", "ask"),
        ("step.started", "ask"),
        ("step.waiting", "ask"),
    ]
    last = page["results"][-1]["id"]
    assert cast.owner.api.get(f"{address}?after={last}").json()["results"] == []
    one = cast.owner.api.get(f"{address}?after={last - 1}&step_id=ask").json()["results"]
    assert [row["id"] for row in one] == [last]
    for query in ("after=x", "after=-1", f"after={'9' * 30}", "until=1"):
        assert cast.owner.api.get(f"{address}?{query}").status_code == 400


def test_list(cast: Cast, waiting_run: WorkflowExecution) -> None:
    fresh = start(cast.private, user=cast.owner.user)
    owners = cast.owner.api.get(LIST).json()["results"]
    assert [row["id"] for row in owners] == [str(fresh.id), str(waiting_run.id)]
    assert [row["waiting"] for row in owners] == [False, True]
    assert all(not row.keys() & {"context", "results", "error_message"} for row in owners)
    mates = cast.team_mate.api.get(LIST).json()["results"]
    assert [row["id"] for row in mates] == [str(waiting_run.id)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=running", ["private", "shared"]),
        ("status=running&status=failed", ["private", "shared"]),
        ("status=completed", []),
        ("waiting=true", ["shared"]),
        ("waiting=false", ["private"]),
        ("workflow={private}", ["private"]),
        ("created_after={before}", ["private", "shared"]),
        ("created_before={before}", []),
        ("created_after={after}", []),
        ("created_before={after}&created_after={before}", ["private", "shared"]),
    ],
)
def test_list_filters(
    cast: Cast, waiting_run: WorkflowExecution, query: str, found: list[str]
) -> None:
    start(cast.private, user=cast.owner.user)
    now = timezone.now()
    query = query.format(
        private=cast.private.id,
        before=(now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        after=(now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    rows = cast.owner.api.get(f"{LIST}?{query}").json()["results"]
    names = {cast.private.id: "private", cast.shared.id: "shared"}
    by_id = {str(key): name for key, name in names.items()}
    assert [by_id[row["workflow_id"]] for row in rows] == found


@pytest.mark.parametrize(
    "query",
    [
        "status=odd",
        "waiting=maybe",
        "workflow=x",
        "created_after=today",
        "created_after=0001-01-01T00:00:00%2B23:59",
        "created_before=9999-12-31T23:59:59-23:59",
        "user=me",
    ],
)
def test_wrong_filters(cast: Cast, query: str) -> None:
    response = cast.owner.api.get(f"{LIST}?{query}")
    assert response.status_code == 400
    assert response.json()["details"][0]["path"] == query.partition("=")[0]


def test_queries_of_a_list_do_not_grow(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(3):
        start(cast.private, user=cast.owner.user)
    cast.owner.api.get("/api/v1/me")  # notes that the token was used
    with django_assert_num_queries(2):
        assert len(cast.owner.api.get(LIST).json()["results"]) == 3
