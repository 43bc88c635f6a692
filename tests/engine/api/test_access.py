"""Who sees what is private, what becomes of what somebody leaves behind, and moving workflows.

What everybody may do with shared things: `tests/platform/test_access.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.models import Membership, Role
from core.organisations import add_member, create_organisation, personal_organisation, remove_member
from core.security import WorkflowSecurityManager
from engine import schedules
from engine.models import Workflow, WorkflowExecution, WorkflowSchedule
from engine.workflows import create_workflow
from tests.support.cast import SAMPLE, Cast, work
from tests.support.workflows import start

WORKFLOWS = "/api/v1/workflows"


def membership(cast: Cast, name: str) -> Membership:
    return Membership.objects.get(organisation=cast.team, user=getattr(cast, name).user)


def private_addresses(cast: Cast) -> list[tuple[str, str, Any]]:
    run = work(start(cast.private, user=cast.owner.user))
    schedule = WorkflowSchedule(
        name="Hourly", workflow=cast.private, user=cast.owner.user, interval_seconds=3600
    )
    schedules.save_schedule(schedule)
    own = f"{WORKFLOWS}/{cast.private.id}"
    executions = f"/api/v1/executions/{run.id}"
    return [
        ("get", own, None),
        ("put", own, {"definition": SAMPLE}),
        ("patch", own, {"is_shared": True}),
        ("get", f"{own}/versions", None),
        ("get", f"{own}/versions/1", None),
        ("get", f"{own}/plan", None),
        ("get", f"{own}/analytics", None),
        ("post", f"{own}/execute", {}),
        ("post", f"{own}/pause", {"execution_id": str(run.id)}),
        ("post", f"{own}/feedback", {"execution_id": str(run.id), "rating": 1}),
        ("get", executions, None),
        ("get", f"{executions}/steps", None),
        ("get", f"{executions}/steps/ask", None),
        ("get", f"{executions}/events", None),
        ("get", f"{executions}/waiting", None),
        ("post", f"{executions}/pause", {}),
        ("post", f"{executions}/steps/ask/answer", {"answer": {"choice": "yes"}}),
        ("get", f"/api/v1/schedules/{schedule.id}", None),
        ("patch", f"/api/v1/schedules/{schedule.id}", {"enabled": False}),
        ("delete", f"/api/v1/schedules/{schedule.id}", None),
        ("delete", own, None),
    ]


@pytest.mark.parametrize("role", ["team_mate", "outsider", "operator"])
def test_what_is_private_is_the_owner_s_alone(cast: Cast, role: str) -> None:
    Membership.objects.filter(user=cast.team_mate.user).update(role=Role.ADMIN)
    for method, address, body in private_addresses(cast):
        answer = getattr(cast.client(role), method)(address, body, format="json")
        assert answer.status_code == 404, (method, address)
    for kind in ("workflows", "executions", "schedules"):
        rows = cast.client(role).get(f"/api/v1/{kind}").json()["results"]
        assert str(cast.private.id) not in str(rows)
    assert Workflow.objects.filter(id=cast.private.id, is_shared=False).exists()


def test_runs_follow_their_workflow(cast: Cast, team_run: WorkflowExecution) -> None:
    address = f"/api/v1/executions/{team_run.id}"
    assert cast.team_mate.api.get(address).status_code == 200
    Workflow.objects.update(is_shared=False)
    assert cast.team_mate.api.get(address).status_code == 404
    assert cast.owner.api.get(address).status_code == 200


@pytest.mark.parametrize("role", ["outsider", "operator"])
def test_lists_hold_what_one_may_see(role: str, cast: Cast, team_run: WorkflowExecution) -> None:
    for kind in ("workflows", "executions", "schedules"):
        assert cast.client(role).get(f"/api/v1/{kind}").json()["results"] == []


def change_role(cast: Cast, name: str, role: Role) -> None:
    Membership.objects.filter(organisation=cast.team, user=getattr(cast, name).user).update(
        role=role
    )


@pytest.mark.parametrize(
    ("role", "shared", "status"),
    [("editor", False, 204), ("editor", True, 403), ("runner", False, 403), ("admin", True, 204)],
)
def test_an_editor_deletes_their_own_drafts(
    cast: Cast, role: str, shared: bool, status: int
) -> None:
    draft = create_workflow(
        document=SAMPLE, owner=cast.team_mate.user, organisation=cast.team, is_shared=shared
    )
    change_role(cast, "team_mate", Role(role))
    assert cast.team_mate.api.delete(f"{WORKFLOWS}/{draft.id}").status_code == status


def move(cast: Cast, who: str, workflow: Workflow, organisation: UUID) -> Any:
    body = {"organisation": str(organisation)}
    return cast.client(who).patch(f"{WORKFLOWS}/{workflow.id}", body, format="json")


def test_moving(cast: Cast, team_run: WorkflowExecution) -> None:
    other = create_organisation(name="Other", founder=cast.outsider.user)
    assert move(cast, "owner", cast.shared, other.id).status_code == 404
    add_member(organisation=other, user=cast.owner.user, role=Role.RUNNER)
    assert move(cast, "owner", cast.shared, other.id).status_code == 403
    Membership.objects.filter(organisation=other).update(role=Role.EDITOR)
    moved = move(cast, "owner", cast.shared, other.id)
    assert (moved.status_code, moved.json()["organisation_id"]) == (200, str(other.id))
    assert moved.json()["owner_id"] == str(cast.owner.user.id)
    assert cast.outsider.api.get(f"/api/v1/executions/{team_run.id}").status_code == 200
    assert cast.team_mate.api.get(f"/api/v1/executions/{team_run.id}").status_code == 404
    # An editor may not take a shared workflow away, and may leave it where it is.
    assert move(cast, "outsider", cast.shared, other.id).status_code == 200
    own = personal_organisation(cast.outsider.user)
    assert move(cast, "outsider", cast.shared, own.id).status_code == 403
    Membership.objects.filter(organisation=other).update(role=Role.ADMIN)
    moved = move(cast, "outsider", cast.shared, own.id)
    assert (moved.status_code, moved.json()["owner_id"]) == (200, str(cast.outsider.user.id))


def test_an_editor_moves_their_own_draft(cast: Cast) -> None:
    draft = create_workflow(document=SAMPLE, owner=cast.team_mate.user, organisation=cast.team)
    own = personal_organisation(cast.team_mate.user)
    assert move(cast, "team_mate", draft, own.id).status_code == 200


def test_who_leaves_hands_over(cast: Cast) -> None:
    mate, owner = cast.team_mate.user, cast.owner.user
    draft = create_workflow(document=SAMPLE, owner=mate, organisation=cast.team)
    at_home = create_workflow(document=SAMPLE, owner=mate)
    schedule = WorkflowSchedule(
        name="Hourly", workflow=cast.shared, user=mate, interval_seconds=3600
    )
    schedules.save_schedule(schedule)
    address = f"/api/v1/organisations/{cast.team.id}/members/{mate.id}"
    assert cast.team_mate.api.delete(address).status_code == 204
    for row in (draft, schedule, at_home):
        row.refresh_from_db()
    assert (draft.owner, schedule.user, at_home.owner) == (owner, owner, mate)
    assert schedules.fire(schedule.id, sent_at=None) == "started"
    assert WorkflowExecution.objects.get().user == owner


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        (lambda cast: None, "started"),
        (lambda cast: change_role(cast, "team_mate", Role.RUNNER), "started"),
        (lambda cast: change_role(cast, "team_mate", Role.VIEWER), "no access"),
        (lambda cast: Workflow.objects.update(is_shared=False), "no access"),
        (lambda cast: membership(cast, "team_mate").delete(), "no access"),
    ],
)
def test_a_schedule_asks_each_time(cast: Cast, change: Callable[[Cast], Any], outcome: str) -> None:
    schedule = WorkflowSchedule(
        name="Hourly", workflow=cast.shared, user=cast.team_mate.user, interval_seconds=3600
    )
    schedules.save_schedule(schedule)
    change(cast)
    assert schedules.fire(schedule.id, sent_at=None) == outcome


def test_a_schedule_is_whose_who_saved_it_last(cast: Cast) -> None:
    body = {"name": "Daily", "workflow": str(cast.shared.id), "cron": "30 6 * * 1-5"}
    address = cast.team_mate.api.post("/api/v1/schedules", body, format="json")["Location"]
    assert cast.owner.api.patch(address, {"enabled": False}, format="json").status_code == 200
    assert WorkflowSchedule.objects.get().user == cast.owner.user


def test_security_manager(cast: Cast) -> None:
    may = WorkflowSecurityManager().validate_user_access
    mate, shared = cast.team_mate.user, cast.shared.id
    assert may(str(mate.id), str(shared))
    assert may(mate.id, shared, Role.EDITOR)
    assert not may(mate.id, shared, Role.ADMIN)
    assert not may(mate.id, cast.private.id)
    assert not may(cast.outsider.user.id, shared)
    assert not may(uuid4(), shared)
    assert not may("nobody", str(shared))
    mate.is_active = False
    mate.save()
    assert not may(mate.id, shared)


def test_members_who_are_removed_by_an_operator_hand_over_too(cast: Cast) -> None:
    remove_member(membership=membership(cast, "team_mate"), by=cast.operator.user)
    draft = create_workflow(document=SAMPLE, owner=cast.operator.user, organisation=cast.team)
    assert draft.owner == cast.owner.user  # an operator is no member
