"""Changing organisations and who is in them. One rule holds throughout: an active admin is left."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.dispatch import Signal

from core.errors import Conflict, InvalidInput
from core.models import Invitation, Membership, Organisation, Role, User

member_removed = Signal()
"""Sent with `organisation_id`, `user_id` and `heir_id` in the transaction that removes somebody.

The heir is the admin who takes over what the member kept private there.
"""


class LastAdmin(Conflict):
    """The organisation would be left without an active admin."""

    code = "last_admin"


class AlreadyMember(Conflict):
    """This account is a member already."""

    code = "already_member"


class PersonalOrganisation(Conflict):
    """A personal organisation has no other members; make one for the team."""

    code = "personal_organisation"


class UnknownAccount(InvalidInput):
    """There is no active account of this name or address, or more than one."""

    code = "unknown_account"


def create_organisation(*, name: str, founder: User) -> Organisation:
    """Makes an organisation with its founder as the admin."""
    with transaction.atomic():
        organisation = Organisation.objects.create(name=name)
        Membership.objects.create(organisation=organisation, user=founder, role=Role.ADMIN)
    return organisation


def rename_organisation(*, organisation: Organisation, name: str) -> Organisation:
    """Gives the organisation another name."""
    Organisation.objects.filter(id=organisation.id).update(name=name, updated_at=Now())
    organisation.refresh_from_db()
    return organisation


def find_account(name: str) -> User:
    """The active account of this user name, or else of this e-mail address in any case.

    Raises UnknownAccount, also where several have the address.
    """
    active = User.objects.filter(is_active=True)
    found = active.filter(username=name).first()
    if found is None and "@" in name:
        same = list(active.filter(email__iexact=name)[:2])
        found = same[0] if len(same) == 1 else None
    if found is None:
        raise UnknownAccount()
    return found


def add_member(*, organisation: Organisation, user: User, role: Role) -> Membership:
    """Takes an account that agrees into the organisation (`core.invitations` asks it).

    Raises:
        PersonalOrganisation, AlreadyMember.
    """
    if organisation.personal_of_id is not None:
        raise PersonalOrganisation()
    try:
        with transaction.atomic():
            return Membership.objects.create(organisation=organisation, user=user, role=role)
    except IntegrityError:
        raise AlreadyMember() from None


def change_role(*, membership: Membership, role: Role) -> Membership:
    """Gives the member another role. Raises LastAdmin."""
    with transaction.atomic():
        lock_organisation(membership.organisation_id)
        Membership.objects.filter(id=membership.id).update(role=role)
        if role != Role.ADMIN:
            _withdraw_invitations(membership.organisation_id, membership.user_id)
        _an_admin_is_left(membership.organisation_id)
    membership.role = role
    return membership


def remove_member(*, membership: Membership, by: User) -> None:
    """Takes the account out of the organisation. Raises LastAdmin.

    What it kept private there goes to `by`, or to the first other admin where somebody leaves.
    """
    organisation_id, user_id = membership.organisation_id, membership.user_id
    with transaction.atomic():
        lock_organisation(organisation_id)
        Membership.objects.filter(id=membership.id).delete()
        _withdraw_invitations(organisation_id, user_id)
        admins = _an_admin_is_left(organisation_id)
        heir = by.pk if by.pk in admins else admins[0]
        member_removed.send(
            Membership, organisation_id=organisation_id, user_id=user_id, heir_id=heir
        )


def role_in(organisation_id: UUID, user: User) -> Role | None:
    """What the account may do in the organisation; None where it is no member."""
    role = (
        Membership.objects.filter(organisation_id=organisation_id, user=user)
        .values_list("role", flat=True)
        .first()
    )
    return None if role is None else Role(role)


def personal_organisation(user: User) -> Organisation:
    """The organisation that the account alone is in."""
    return Organisation.objects.get(personal_of=user)


def lock_organisation(organisation_id: UUID) -> None:
    """Lets nobody else change who is in the organisation until the transaction ends."""
    # Two admins who remove each other at once would each still see the other.
    Organisation.objects.select_for_update().only("id").get(id=organisation_id)


def _withdraw_invitations(organisation_id: UUID, inviter_id: UUID) -> None:
    Invitation.objects.filter(organisation_id=organisation_id, inviter_id=inviter_id).delete()


def _an_admin_is_left(organisation_id: UUID) -> list[UUID]:
    admins = Membership.objects.filter(
        organisation_id=organisation_id, role=Role.ADMIN, user__is_active=True
    )
    found = list(admins.order_by("created_at", "id").values_list("user_id", flat=True))
    if not found:
        raise LastAdmin()
    return found
