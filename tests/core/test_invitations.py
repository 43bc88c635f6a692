"""An account belongs to an organisation when it has said yes, and not before."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from core import invitations
from core.errors import NotFound, PlatformError
from core.models import AuditEntry, Invitation, Role, Scope
from core.organisations import create_organisation, personal_organisation, role_in
from core.tokens import issue_token
from tests.support.cast import Cast, Member, member

OWN = "/api/v1/invitations"


@pytest.fixture
def invited(cast: Cast) -> Member:
    return member("invited", email="invited@example.org")


def asked_by(who: Member, cast: Cast, account: str = "invited", role: str = "editor") -> Any:
    body = {"account": account, "role": role}
    address = f"/api/v1/organisations/{cast.team.id}/invitations"
    return who.api.post(address, body, format="json")


def sees_nothing(who: Member, cast: Cast) -> bool:
    workflow = who.api.get(f"/api/v1/workflows/{cast.shared.id}")
    team = who.api.get(f"/api/v1/organisations/{cast.team.id}")
    listed = [row["id"] for row in who.api.get("/api/v1/organisations").json()["results"]]
    return (workflow.status_code, team.status_code) == (404, 404) and str(
        cast.team.id
    ) not in listed


def test_a_member_when_it_has_accepted(cast: Cast, invited: Member) -> None:
    made = asked_by(cast.owner, cast)
    assert made.status_code == 201, made.content
    assert sees_nothing(invited, cast)
    assert role_in(cast.team.id, invited.user) is None
    [found] = invited.api.get(OWN).json()["results"]
    assert found == made.json()
    assert (found["organisation"], found["role"], found["invited_by"]) == (
        "Team",
        "editor",
        "owner",
    )
    accepted = invited.api.post(f"{OWN}/{found['id']}/accept")
    assert (accepted.status_code, accepted.json()["role"]) == (200, "editor")
    assert invited.api.get(f"/api/v1/workflows/{cast.shared.id}").status_code == 200
    assert role_in(cast.team.id, invited.user) == Role.EDITOR
    assert invited.api.get(OWN).json()["results"] == []
    assert invited.api.post(f"{OWN}/{found['id']}/accept").status_code == 404
    told = AuditEntry.objects.filter(action__startswith="invitation.").order_by("id")
    assert [(e.action, e.username) for e in told] == [
        ("invitation.create", "owner"), ("invitation.accept", "invited"),
    ]  # fmt: skip


@pytest.mark.parametrize("who", ["invited", "owner"])
def test_declined_or_withdrawn(cast: Cast, invited: Member, who: str) -> None:
    made = asked_by(cast.owner, cast).json()["id"]
    if who == "invited":
        done = invited.api.post(f"{OWN}/{made}/decline")
    else:
        done = cast.owner.api.delete(f"/api/v1/organisations/{cast.team.id}/invitations/{made}")
    assert done.status_code == 204
    assert invited.api.post(f"{OWN}/{made}/accept").status_code == 404
    assert sees_nothing(invited, cast)
    assert asked_by(cast.owner, cast).status_code == 201, "asked again"


def test_nobody_answers_for_another(cast: Cast, invited: Member) -> None:
    made = asked_by(cast.owner, cast).json()["id"]
    for who in (cast.owner, cast.team_mate, cast.outsider, cast.operator):
        for answer in ("accept", "decline"):
            assert who.api.post(f"{OWN}/{made}/{answer}").status_code == 404
    assert cast.team_mate.api.get(OWN).json()["results"] == []
    assert Invitation.objects.filter(id=made).exists()


def test_members_are_not_made_by_the_admin_alone(cast: Cast, invited: Member) -> None:
    members = f"/api/v1/organisations/{cast.team.id}/members"
    given = cast.owner.api.post(members, {"account": "invited"}, format="json")
    assert given.status_code == 405
    address = f"{members}/{invited.user.id}"
    assert cast.owner.api.patch(address, {"role": "admin"}, format="json").status_code == 404
    asked_by(cast.owner, cast)
    assert cast.owner.api.patch(address, {"role": "admin"}, format="json").status_code == 404
    listed = cast.owner.api.get(members).json()["results"]
    assert "invited" not in [row["username"] for row in listed]


@pytest.mark.parametrize(
    ("who", "account", "status", "code"),
    [
        ("team_mate", "invited", 403, "role_too_small"),
        ("outsider", "invited", 404, "not_found"),
        ("owner", "nobody", 400, "unknown_account"),
        ("owner", "team_mate", 409, "already_member"),
        ("owner", "owner", 409, "already_member"),
    ],
)
def test_refused(
    cast: Cast, invited: Member, who: str, account: str, status: int, code: str
) -> None:
    answer = asked_by(getattr(cast, who), cast, account)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Invitation.objects.exists()


def test_asked_once(cast: Cast, invited: Member) -> None:
    assert asked_by(cast.owner, cast, role="viewer").status_code == 201
    again = asked_by(cast.owner, cast, "INVITED@example.org", role="admin")
    assert (again.status_code, again.json()["code"]) == (409, "already_invited")
    assert Invitation.objects.get().role == Role.VIEWER


def test_a_personal_organisation_invites_nobody(cast: Cast, invited: Member) -> None:
    own = personal_organisation(cast.owner.user)
    with pytest.raises(PlatformError) as refused:
        invitations.invite(
            organisation=own, user=invited.user, role=Role.VIEWER, by=cast.owner.user
        )
    assert refused.value.code == "personal_organisation"


def test_a_small_token_answers_nothing(cast: Cast, invited: Member) -> None:
    made = asked_by(cast.owner, cast).json()["id"]
    _, text = issue_token(user=invited.user, scope=Scope.EDIT)
    invited.api.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    for answer in ("accept", "decline"):
        given = invited.api.post(f"{OWN}/{made}/{answer}")
        assert (given.status_code, given.json()["code"]) == (403, "scope_too_small")


def test_withdrawn_while_it_is_accepted(cast: Cast, invited: Member) -> None:
    other = create_organisation(name="Other", founder=cast.outsider.user)
    made = invitations.invite(
        organisation=other, user=invited.user, role=Role.ADMIN, by=cast.outsider.user
    )
    invitations.end(made.id)
    with pytest.raises(NotFound):
        invitations.accept(made)
    assert role_in(other.id, invited.user) is None


def test_operators_see_and_withdraw(cast: Cast, invited: Member, admin_client: Client) -> None:
    asked_by(cast.owner, cast)
    page = admin_client.get("/admin/workflow_core/invitation/")
    assert b"invited" in page.content
    made = Invitation.objects.get()
    address = f"/admin/workflow_core/invitation/{made.id}/delete/"
    assert admin_client.post(address, {"post": "yes"}).status_code == 302
    assert not Invitation.objects.exists()
