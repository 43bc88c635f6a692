"""Asking an account into an organisation: it becomes a member when it accepts, and not before."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from core.errors import Conflict, NotFound
from core.models import Invitation, Membership, Organisation, Role, User
from core.organisations import AlreadyMember, PersonalOrganisation, add_member


class AlreadyInvited(Conflict):
    """This account is invited already; withdraw that to invite it in another role."""

    code = "already_invited"


def invite(*, organisation: Organisation, user: User, role: Role, by: User) -> Invitation:
    """Asks the account to become a member.

    Raises:
        PersonalOrganisation, AlreadyMember, AlreadyInvited.
    """
    if organisation.personal_of_id is not None:
        raise PersonalOrganisation()
    if Membership.objects.filter(organisation=organisation, user=user).exists():
        raise AlreadyMember()
    try:
        with transaction.atomic():
            return Invitation.objects.create(
                organisation=organisation, user=user, role=role, invited_by=by.username
            )
    except IntegrityError:
        raise AlreadyInvited() from None


def accept(invitation: Invitation) -> Membership:
    """Makes the invited account a member. Raises NotFound where the invitation is gone."""
    with transaction.atomic():
        end(invitation.id)
        return add_member(
            organisation=invitation.organisation,
            user=invitation.user,
            role=Role(invitation.role),
        )


def end(invitation_id: UUID) -> None:
    """Takes the invitation away, for whoever declines or withdraws it. Raises NotFound."""
    deleted, _ = Invitation.objects.filter(id=invitation_id).delete()
    if not deleted:
        raise NotFound()
