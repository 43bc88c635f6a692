"""An account belongs to an organisation when it has said yes, and not before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core import invitations
from core.api import invitations as api
from core.errors import NotFound, PlatformError
from core.models import AuditEntry, Invitation, Membership, Role, Scope, User
from core.organisations import add_member, create_organisation, personal_organisation, role_in
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
    again = asked_by(cast.owner, cast, role="admin")
    assert (again.status_code, again.json()["code"]) == (409, "already_invited")
    assert Invitation.objects.get().role == Role.VIEWER
    [found] = invited.api.get(OWN).json()["results"]
    assert asked_by(cast.owner, cast, "INVITED@example.org", role="admin").status_code == 201
    assert invited.api.get(OWN).json()["results"] == [found], "once, whatever it was called"


def test_nobody_learns_whether_there_is_an_account(cast: Cast, invited: Member) -> None:
    User.objects.filter(pk=cast.team_mate.user.pk).update(email="mate@example.org")
    User.objects.create_user("gone", email="gone@example.org", is_active=False)
    names = [
        "invited", "INVITED@example.org", "nobody", "nobody@example.org", "gone",
        "gone@example.org", "mate@example.org",
    ]  # fmt: skip
    shown = []
    for name in names:
        made = asked_by(cast.owner, cast, name)
        assert made.status_code == 201, name
        assert made.json()["account"] == name
        again = asked_by(cast.owner, cast, name)
        assert (again.status_code, again.json()["code"]) == (409, "already_invited"), name
        shown.append(made.json())
    assert len({(*row, *map(type, row.values())) for row in shown}) == 1
    same = ("organisation_id", "organisation", "role", "invited_by")
    assert len({tuple(row[name] for name in same) for row in shown}) == 1
    invitation = f"/api/v1/organisations/{cast.team.id}/invitations"
    listed = cast.owner.api.get(invitation).json()["results"]
    assert sorted(listed, key=str) == sorted(shown, key=str)
    assert len(invited.api.get(OWN).json()["results"]) == 1
    assert cast.team_mate.api.get(OWN).json()["results"] == []
    for row in shown:
        assert cast.owner.api.delete(f"{invitation}/{row['id']}").status_code == 204
    told = AuditEntry.objects.filter(action__in=["invitation.create", "invitation.withdraw"])
    assert {row.object_kind for row in told.exclude(outcome="refused")} == {
        "workflow_core.invitation"
    }
    assert str(invited.user.pk) not in {row.object_id for row in told}


def test_names_are_not_tried_by_the_thousand(
    cast: Cast, invited: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "PER_MINUTE", 2)
    answers = [asked_by(cast.owner, cast, f"name{n}").status_code for n in range(3)]
    assert answers == [201, 201, 429]
    listed = f"/api/v1/organisations/{cast.team.id}/invitations"
    assert [cast.owner.api.get(listed).status_code for _ in range(3)] == [200] * 3


@pytest.fixture
def second(cast: Cast) -> Member:
    """Another admin, who has asked somebody."""
    made = member("second")
    add_member(organisation=cast.team, user=made.user, role=Role.ADMIN)
    return made


@pytest.mark.parametrize("how", ["removed", "smaller role", "left", "closed", "row is gone"])
def test_void_without_its_inviter(cast: Cast, invited: Member, second: Member, how: str) -> None:
    made = asked_by(second, cast, role="admin").json()["id"]
    address = f"/api/v1/organisations/{cast.team.id}/members/{second.user.id}"
    match how:
        case "removed":
            assert cast.owner.api.delete(address).status_code == 204
        case "smaller role":
            changed = cast.owner.api.patch(address, {"role": "editor"}, format="json")
            assert changed.status_code == 200
        case "left":
            assert second.api.delete(address).status_code == 204
        case "closed":
            User.objects.filter(pk=second.user.pk).update(is_active=False)
        case _:
            Membership.objects.filter(user=second.user, organisation=cast.team).delete()
    answer = invited.api.post(f"{OWN}/{made}/accept")
    withdrawn = how in ("removed", "smaller role", "left")
    expected = (404, "not_found") if withdrawn else (409, "invitation_void")
    assert (answer.status_code, answer.json()["code"]) == expected
    assert sees_nothing(invited, cast)
    assert Invitation.objects.filter(id=made).exists() is not withdrawn
    if withdrawn and how != "smaller role":
        # Who comes back does not bring them back.
        add_member(organisation=cast.team, user=second.user, role=Role.ADMIN)
        assert invited.api.post(f"{OWN}/{made}/accept").status_code == 404


def test_a_smaller_role_comes_first(cast: Cast, invited: Member, second: Member) -> None:
    """Whoever accepts waits for the transaction that takes the inviter's role away."""
    made = Invitation.objects.get(id=asked_by(second, cast).json()["id"])
    with CaptureQueriesContext(connection) as asked:
        invitations.accept(made)
    queries = [each["sql"] for each in asked.captured_queries]
    locks = [n for n, sql in enumerate(queries) if "FOR UPDATE" in sql]
    [checks] = [n for n, sql in enumerate(queries) if "'admin'" in sql and "is_active" in sql]
    assert locks
    assert locks[0] < checks


def test_it_runs_out(cast: Cast, invited: Member) -> None:
    made = asked_by(cast.owner, cast).json()
    created, ends = (datetime.fromisoformat(made[k]) for k in ("created_at", "expires_at"))
    assert ends - created == invitations.LASTS
    Invitation.objects.update(created_at=created - invitations.LASTS)
    assert invited.api.get(OWN).json()["results"] == []
    listed = f"/api/v1/organisations/{cast.team.id}/invitations"
    assert cast.owner.api.get(listed).json()["results"] == []
    answer = invited.api.post(f"{OWN}/{made['id']}/accept")
    assert (answer.status_code, answer.json()["code"]) == (409, "invitation_void")
    assert sees_nothing(invited, cast)
    again = asked_by(cast.owner, cast)
    assert again.status_code == 201, "the old one is not in the way"
    assert invited.api.post(f"{OWN}/{again.json()['id']}/accept").status_code == 200


def test_a_personal_organisation_invites_nobody(cast: Cast, invited: Member) -> None:
    own = personal_organisation(cast.owner.user)
    with pytest.raises(PlatformError) as refused:
        invitations.invite(
            organisation=own, account="invited", role=Role.VIEWER, by=cast.owner.user
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
        organisation=other, account="invited", role=Role.ADMIN, by=cast.outsider.user
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
