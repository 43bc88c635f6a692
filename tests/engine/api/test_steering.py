"""Pausing, resuming, cancelling, retrying: at the run's address and at its workflow's."""

from __future__ import annotations

from typing import Any

import pytest

from engine.models import WorkflowExecution
from engine.workflows import create_workflow
from tests.support.cast import Cast, work
from tests.support.workflows import calls, definition, start, step


def status(run: WorkflowExecution) -> str:
    run.refresh_from_db()
    return run.status


COMMANDS = [
    ("pause", True, "paused"),
    ("pause", False, "paused"),
    ("resume", True, "running"),
    ("resume", False, "running"),
    ("cancel", True, "cancelled"),
    ("pause", False, "cancelled"),
    ("resume", False, "cancelled"),
    ("cancel", False, "cancelled"),
    ("retry", False, "cancelled"),
]


def test_commands_say_whether_they_did_something(cast: Cast, team_run: WorkflowExecution) -> None:
    for command, success, after in COMMANDS:
        response = cast.owner.api.post(f"/api/v1/executions/{team_run.id}/{command}")
        assert (response.status_code, response.json()) == (200, {"success": success}), command
        assert status(team_run) == after


@pytest.mark.parametrize("place", ["body", "query", "both"])
def test_documented_form(cast: Cast, team_run: WorkflowExecution, place: str) -> None:
    for command, success, after in COMMANDS[:-1]:
        address = f"/api/v1/workflows/{cast.shared.id}/{command}"
        reference = {"execution_id": str(team_run.id)}
        response = cast.team_mate.api.post(
            address,
            reference if place != "query" else None,
            format="json",
            query_params=reference if place != "body" else None,
        )
        assert (response.status_code, response.json()) == (200, {"success": success}), command
        assert status(team_run) == after


OTHER = "0190c2d4-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    ("query", "body", "expected"),
    [
        ({}, None, 400),
        ({}, {}, 400),
        ({}, {"execution_id": "x"}, 400),
        ({}, {"execution_id": None}, 400),
        ({}, {"execution_id": OTHER, "force": True}, 400),
        ({}, [], 400),
        ({"execution_id": "x"}, None, 400),
        ({"execution": OTHER}, None, 400),
        ({"execution_id": OTHER}, {"execution_id": OTHER}, 404),
        ({"execution_id": OTHER}, {"execution_id": OTHER[:-1] + "1"}, 400),
        ({}, {"execution_id": OTHER}, 404),
    ],
)
def test_wrong_references(cast: Cast, query: dict[str, str], body: Any, expected: int) -> None:
    address = f"/api/v1/workflows/{cast.shared.id}/pause"
    response = cast.owner.api.post(address, body, format="json", query_params=query)
    assert response.status_code == expected, response.content
    assert set(response.json()) == {"code", "message", "details"}


def test_run_of_another_workflow_is_not_found(cast: Cast) -> None:
    run = start(cast.private, user=cast.owner.user)
    address = f"/api/v1/workflows/{cast.shared.id}/cancel"
    response = cast.owner.api.post(address, {"execution_id": str(run.id)}, format="json")
    assert response.status_code == 404
    assert status(run) == "running"


def test_commands_take_no_body(cast: Cast, team_run: WorkflowExecution) -> None:
    address = f"/api/v1/executions/{team_run.id}/cancel"
    assert cast.owner.api.post(address, {"reason": "x"}, format="json").status_code == 400
    assert status(team_run) == "running"


def test_retry(cast: Cast) -> None:
    document = definition(step("a", **calls("tests.fail")), step("b", "a"))
    workflow = create_workflow(document=document, owner=cast.owner.user)
    run = work(start(workflow, user=cast.owner.user))
    assert run.status == "failed"
    address = f"/api/v1/executions/{run.id}"
    failed = cast.owner.api.get(address).json()
    assert failed["error_code"] == "step_failed"
    assert "it failed" in failed["error_message"]
    assert cast.owner.api.post(f"{address}/retry").json() == {"success": True}
    retried = cast.owner.api.get(address).json()
    assert (retried["status"], retried["error_code"], retried["error_message"]) == (
        "running",
        "",
        None,
    )
    assert work(run).status == "failed"
