"""Organisations: everybody has one, teams make others, and an active admin is always left."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from core import organisations
from core.errors import PlatformError
from core.models import Membership, Organisation, Role, User
from core.organisations import add_member, create_organisation, role_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> User:
    return User.objects.create_user("ann", email="ann@example.org")


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("bob", email="bob@example.org")


@pytest.fixture
def team(ann: User) -> Organisation:
    return create_organisation(name="Team", founder=ann)


def member(organisation: Organisation, user: User) -> Membership:
    return Membership.objects.get(organisation=organisation, user=user)


def test_a_new_account_has_an_organisation_of_its_own(ann: User) -> None:
    [own] = ann.organisations.all()
    assert (own.name, own.personal_of) == ("ann", ann)
    assert role_in(own.id, ann) == Role.ADMIN
    ann.first_name = "Ann"
    ann.save()
    assert ann.organisations.count() == 1


def test_an_account_that_cannot_be_made_leaves_no_organisation(ann: User) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ann")
    assert Organisation.objects.count() == 1


def test_accounts_from_before_get_theirs() -> None:
    User.objects.bulk_create(User(username=f"old{number}") for number in range(3))
    migration = importlib.import_module("core.migrations.0003_personal_organisations")
    for _ in range(2):  # the second time there is nothing left to do
        migration.found(apps, None)
        rows = Membership.objects.values_list("user__username", "organisation__name", "role")
        assert sorted(rows) == [(f"old{n}", f"old{n}", "admin") for n in range(3)]


@pytest.mark.parametrize("role", Role)
def test_roles_include_those_before(role: Role) -> None:
    order = ["viewer", "runner", "editor", "admin"]
    assert [r for r in order if role.allows(Role(r))] == order[: order.index(role) + 1]
    assert list(Role.at_least(role)) == order[order.index(role) :]


def test_members_come_change_and_go(team: Organisation, ann: User, bob: User) -> None:
    membership = add_member(organisation=team, user=bob, role=Role.VIEWER)
    organisations.change_role(membership=membership, role=Role.ADMIN)
    assert role_in(team.id, bob) == Role.ADMIN
    organisations.remove_member(membership=member(team, ann), by=ann)
    assert role_in(team.id, ann) is None
    assert [m.user for m in team.memberships.all()] == [bob]


def test_who_goes_has_an_heir(team: Organisation, ann: User, bob: User) -> None:
    heirs = []

    def note(sender: Any, *, user_id: Any, heir_id: Any, **_: Any) -> None:
        heirs.append((user_id, heir_id))

    organisations.member_removed.connect(note)
    try:
        gone = add_member(organisation=team, user=bob, role=Role.VIEWER)
        organisations.remove_member(membership=gone, by=bob)
        gone = add_member(organisation=team, user=bob, role=Role.ADMIN)
        organisations.remove_member(membership=gone, by=ann)
    finally:
        organisations.member_removed.disconnect(note)
    assert heirs == [(bob.id, ann.id), (bob.id, ann.id)]


def deactivate_bob(team: Organisation, ann: User, bob: User) -> None:
    add_member(organisation=team, user=bob, role=Role.ADMIN)
    bob.is_active = False
    bob.save()
    organisations.remove_member(membership=member(team, ann), by=ann)


REFUSED: list[tuple[str, Callable[[Organisation, User, User], Any]]] = [
    ("last_admin", lambda t, a, b: organisations.remove_member(membership=member(t, a), by=a)),
    (
        "last_admin",
        lambda t, a, b: organisations.change_role(membership=member(t, a), role=Role.EDITOR),
    ),
    ("last_admin", deactivate_bob),
    (
        "last_admin",
        lambda t, a, b: organisations.remove_member(
            membership=member(organisations.personal_organisation(a), a), by=a
        ),
    ),
    ("already_member", lambda t, a, b: add_member(organisation=t, user=a, role=Role.VIEWER)),
    (
        "personal_organisation",
        lambda t, a, b: add_member(
            organisation=organisations.personal_organisation(a), user=b, role=Role.VIEWER
        ),
    ),
]


@pytest.mark.parametrize(("code", "act"), REFUSED)
def test_refused(
    code: str,
    act: Callable[[Organisation, User, User], Any],
    team: Organisation,
    ann: User,
    bob: User,
) -> None:
    with pytest.raises(PlatformError) as caught:
        act(team, ann, bob)
    assert caught.value.code == code
    assert role_in(team.id, ann) == Role.ADMIN
    assert organisations.personal_organisation(ann).memberships.count() == 1


@pytest.mark.parametrize(
    ("name", "found"),
    [("bob", "bob"), ("BOB@example.org", "bob"), ("Bob", None), ("@", None), ("two@x.org", None)],
)
def test_accounts_are_found_by_name_or_address(name: str, found: str | None, bob: User) -> None:
    for number in range(2):
        User.objects.create_user(f"twin{number}", email="two@x.org")
    if found is None:
        with pytest.raises(organisations.UnknownAccount):
            organisations.find_account(name)
    else:
        assert organisations.find_account(name).username == found


class TestAdmin:
    def save(self, team: Organisation, client: Client, **row: Any) -> Any:
        membership = team.memberships.get()
        form = {
            "name": "Renamed",
            "memberships-TOTAL_FORMS": 1,
            "memberships-INITIAL_FORMS": 1,
            "memberships-0-id": membership.id,
            "memberships-0-organisation": team.id,
            "memberships-0-user": membership.user_id,
            "memberships-0-role": "admin",
        }
        address = reverse("admin:workflow_core_organisation_change", args=[team.id])
        extra = {f"memberships-0-{name}": value for name, value in row.items()}
        return client.post(address, form | extra)

    def test_lists_and_renames(self, team: Organisation, admin_client: Client) -> None:
        page = admin_client.get(reverse("admin:workflow_core_organisation_changelist"))
        assert b"Team" in page.content
        found = admin_client.get(page.request["PATH_INFO"], {"q": "ann"})
        assert b"2 organisations" in found.content
        assert self.save(team, admin_client).status_code == 302
        team.refresh_from_db()
        assert team.name == "Renamed"

    @pytest.mark.parametrize("row", [{"DELETE": "on"}, {"role": "viewer"}])
    def test_an_admin_is_left(
        self, row: dict[str, str], team: Organisation, admin_client: Client
    ) -> None:
        page = self.save(team, admin_client, **row)
        assert b"without an active admin" in page.content
        assert team.memberships.get().role == Role.ADMIN

    def test_removes(self, team: Organisation, ann: User, bob: User, admin_client: Client) -> None:
        extra = add_member(organisation=team, user=bob, role=Role.EDITOR)
        page = self.save_two(team, ann, extra, admin_client)
        assert page.status_code == 302
        assert role_in(team.id, bob) is None

    def save_two(self, team: Organisation, ann: User, extra: Membership, client: Client) -> Any:
        form: dict[str, Any] = {
            "name": "Team", "memberships-TOTAL_FORMS": 2, "memberships-INITIAL_FORMS": 2
        }  # fmt: skip
        for index, row in enumerate((member(team, ann), extra)):
            form |= {
                f"memberships-{index}-id": row.id,
                f"memberships-{index}-organisation": team.id,
                f"memberships-{index}-user": row.user_id,
                f"memberships-{index}-role": row.role,
            }
        form["memberships-1-DELETE"] = "on"
        return client.post(reverse("admin:workflow_core_organisation_change", args=[team.id]), form)

    def test_a_personal_one_keeps_its_member(self, ann: User, admin_client: Client) -> None:
        own = organisations.personal_organisation(ann)
        page = admin_client.get(reverse("admin:workflow_core_organisation_change", args=[own.id]))
        assert b"memberships-TOTAL_FORMS" not in page.content
        gone = admin_client.post(
            reverse("admin:workflow_core_organisation_delete", args=[own.id]), {"post": "yes"}
        )
        assert gone.status_code == 403
