"""Every endpoint, asked by everybody of the cast."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import URLPattern

from engine.api.urls import urlpatterns
from engine.models import Workflow, WorkflowExecution, WorkflowSchedule
from engine.schedules import save_schedule
from tests.support.cast import SAMPLE, Cast, work

ROLES = ("owner", "team_mate", "outsider", "operator", "anonymous")
NEW_ID = "0190c2d4-0000-7000-8000-000000000000"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request, and the status that each role gets, in the order of ROLES."""

    name: str
    method: str = "get"
    path: str
    body: Any = None
    expected: tuple[int, int, int, int, int]


ALL = (200, 200, 200, 200, 401)
OWNERS = (200, 404, 404, 404, 401)
SEEN = (200, 200, 404, 404, 401)
"""The run is the team mate's, of the owner's workflow."""
CASES = [
    Case(name="workflows", path="workflows", expected=ALL),
    Case(
        name="workflows",
        method="post",
        path="workflows",
        body={"definition": SAMPLE},
        expected=(201, 201, 201, 201, 401),
    ),
    Case(
        name="workflows-validate",
        method="post",
        path="workflows/validate",
        body={"definition": SAMPLE},
        expected=ALL,
    ),
    Case(
        name="workflows-plan",
        method="post",
        path="workflows/plan",
        body={"definition": SAMPLE},
        expected=ALL,
    ),
    Case(name="workflow", path="workflows/{shared}", expected=ALL),
    Case(name="workflow", path="workflows/{private}", expected=OWNERS),
    Case(
        name="workflow",
        method="put",
        path="workflows/{shared}",
        body={"definition": SAMPLE},
        expected=(200, 403, 403, 403, 401),
    ),
    Case(
        name="workflow",
        method="patch",
        path="workflows/{shared}",
        body={"is_shared": True},
        expected=(200, 403, 403, 403, 401),
    ),
    Case(
        name="workflow",
        method="patch",
        path="workflows/{private}",
        body={"is_shared": True},
        expected=OWNERS,
    ),
    Case(
        name="workflow",
        method="delete",
        path="workflows/{private}",
        expected=(204, 404, 404, 404, 401),
    ),
    Case(
        name="workflow",
        method="delete",
        path="workflows/{shared}",
        expected=(409, 403, 403, 403, 401),
    ),
    Case(name="workflow-versions", path="workflows/{shared}/versions", expected=ALL),
    Case(name="workflow-versions", path="workflows/{private}/versions", expected=OWNERS),
    Case(name="workflow-version", path="workflows/{shared}/versions/1", expected=ALL),
    Case(name="workflow-version", path="workflows/{private}/versions/1", expected=OWNERS),
    Case(name="workflow-plan", path="workflows/{shared}/plan", expected=ALL),
    Case(name="workflow-plan", path="workflows/{private}/plan", expected=OWNERS),
    Case(
        name="workflow-execute",
        method="post",
        path="workflows/{shared}/execute",
        body={"context": {}},
        expected=(202, 202, 202, 202, 401),
    ),
    Case(
        name="workflow-execute",
        method="post",
        path="workflows/{private}/execute",
        body={"context": {}},
        expected=(202, 404, 404, 404, 401),
    ),
    *(
        Case(
            name=f"workflow-{command}",
            method="post",
            path=f"workflows/{{shared}}/{command}",
            body={"execution_id": "{run}"},
            expected=SEEN,
        )
        for command in ("pause", "resume", "cancel")
    ),
    *(
        Case(
            name=f"workflow-{command}",
            method="post",
            path=f"workflows/{{private}}/{command}",
            body={"execution_id": "{run}"},
            expected=(404, 404, 404, 404, 401),
        )
        for command in ("pause", "resume", "cancel")
    ),
    Case(name="executions", path="executions", expected=ALL),
    Case(name="execution", path="executions/{run}", expected=SEEN),
    Case(name="execution", path=f"executions/{NEW_ID}", expected=(404, 404, 404, 404, 401)),
    *(
        Case(
            name=f"execution-{command}",
            method="post",
            path=f"executions/{{run}}/{command}",
            expected=SEEN,
        )
        for command in ("pause", "resume", "cancel", "retry")
    ),
    Case(name="execution-waiting", path="executions/{run}/waiting", expected=SEEN),
    Case(name="execution-steps", path="executions/{run}/steps", expected=SEEN),
    Case(name="execution-step", path="executions/{run}/steps/first", expected=SEEN),
    Case(
        name="execution-step",
        path="executions/{run}/steps/none",
        expected=(404, 404, 404, 404, 401),
    ),
    Case(
        name="execution-answer",
        method="post",
        path="executions/{run}/steps/ask/answer",
        body={"answer": {"choice": "yes"}},
        expected=SEEN,
    ),
    Case(name="execution-events", path="executions/{run}/events", expected=SEEN),
    Case(name="schedules", path="schedules", expected=ALL),
    Case(
        name="schedules",
        method="post",
        path="schedules",
        body={"name": "Daily", "workflow": "{shared}", "cron": "0 6 * * *"},
        expected=(201, 201, 201, 201, 401),
    ),
    Case(
        name="schedules",
        method="post",
        path="schedules",
        body={"name": "Daily", "workflow": "{private}", "cron": "0 6 * * *"},
        expected=(201, 404, 404, 404, 401),
    ),
    Case(name="schedule", path="schedules/{schedule}", expected=OWNERS),
    Case(
        name="schedule",
        method="patch",
        path="schedules/{schedule}",
        body={"enabled": False, "workflow": "{shared}"},
        expected=OWNERS,
    ),
    Case(
        name="schedule",
        method="delete",
        path="schedules/{schedule}",
        expected=(204, 404, 404, 404, 401),
    ),
    Case(name="step-types", path="step-types", expected=ALL),
]


@pytest.fixture
def ids(cast: Cast, team_run: WorkflowExecution) -> dict[str, str]:
    work(team_run)
    schedule = WorkflowSchedule(
        name="Hourly",
        workflow=cast.private,
        user=cast.owner.user,
        context={"amount": 1},
        interval_seconds=3600,
    )
    save_schedule(schedule)
    return {
        "shared": str(cast.shared.id),
        "private": str(cast.private.id),
        "run": str(team_run.id),
        "schedule": str(schedule.id),
    }


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method} {case.path}")
def test_access(case: Case, role: str, cast: Cast, ids: dict[str, str]) -> None:
    body = case.body
    if isinstance(body, dict):
        body = {k: v.format(**ids) if isinstance(v, str) else v for k, v in body.items()}
    path = f"/api/v1/{case.path.format(**ids)}"
    response = cast.client(role).generic(
        case.method.upper(),
        path,
        "" if body is None else json.dumps(body),
        content_type="application/json",
    )
    assert response.status_code == case.expected[ROLES.index(role)], response.content
    if response.status_code >= 400:
        assert set(response.json()) == {"code", "message", "details"}


def test_table_covers_every_address_and_method() -> None:
    covered = {(case.name, case.method) for case in CASES}
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        view = pattern.callback.cls  # type: ignore[attr-defined]  # DRF's
        for method in {"get", "post", "put", "patch", "delete"}:
            if hasattr(view, method):
                assert (pattern.name, method) in covered


@pytest.mark.parametrize("role", ["outsider", "operator"])
def test_lists_hold_what_one_may_see(role: str, cast: Cast, ids: dict[str, str]) -> None:
    client = cast.client(role)
    seen = [row["id"] for row in client.get("/api/v1/workflows").json()["results"]]
    assert seen == [ids["shared"]]
    assert client.get("/api/v1/executions").json()["results"] == []
    assert client.get("/api/v1/schedules").json()["results"] == []


def test_unsharing_hides_a_workflow_but_not_ones_own_runs(cast: Cast, ids: dict[str, str]) -> None:
    Workflow.objects.update(is_shared=False)
    api = cast.team_mate.api
    assert api.get(f"/api/v1/workflows/{ids['shared']}").status_code == 404
    assert api.get(f"/api/v1/executions/{ids['run']}").status_code == 200
    paused = api.post(
        f"/api/v1/workflows/{ids['shared']}/pause", {"execution_id": ids["run"]}, format="json"
    )
    assert paused.json() == {"success": True}
