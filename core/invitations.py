"""Asking an account into an organisation: it becomes a member when it accepts, and not before.

Whoever asks does not learn whether there is such an account: an invitation that reaches nobody
looks like one that nobody has answered.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from core.errors import Conflict, NotFound
from core.models import Invitation, Membership, Organisation, Role, User
from core.organisations import (
    AlreadyMember,
    PersonalOrganisation,
    UnknownAccount,
    add_member,
    find_account,
    lock_organisation,
)

LASTS = timedelta(days=14)


class AlreadyInvited(Conflict):
    """This account is invited already; withdraw that to invite it in another role."""

    code = "already_invited"


class InvitationVoid(Conflict):
    """Its sender is no longer an admin there, or it is too old: ask for another."""

    code = "invitation_void"


def invite(*, organisation: Organisation, account: str, role: Role, by: User) -> Invitation:
    """Asks the account of this user name or e-mail address to become a member.

    Raises:
        PersonalOrganisation, AlreadyInvited; AlreadyMember where a member is called by its user
        name, which admins see anyway.
    """
    if organisation.personal_of_id is not None:
        raise PersonalOrganisation()
    user = _found(account)
    if (
        user is not None
        and Membership.objects.filter(organisation=organisation, user=user).exists()
    ):
        if user.username == account:
            raise AlreadyMember()
        user = None
    with transaction.atomic():
        asked = Invitation.objects.filter(organisation=organisation)
        asked.filter(created_at__lt=_oldest()).delete()
        if user is not None and asked.filter(user=user).exclude(account=account).exists():
            user = None  # it has one under another name
        try:
            with transaction.atomic():
                return Invitation.objects.create(
                    organisation=organisation,
                    account=account,
                    user=user,
                    role=role,
                    invited_by=by.username,
                    inviter=by,
                )
        except IntegrityError:
            raise AlreadyInvited() from None


def still_open(rows: QuerySet[Invitation]) -> QuerySet[Invitation]:
    """Those that are not too old."""
    return rows.filter(created_at__gte=_oldest())


def accept(invitation: Invitation) -> Membership:
    """Makes the invited account a member.

    Raises:
        NotFound where the invitation is gone; InvitationVoid where it is too old, or its inviter
        is no active admin there any more.
    """
    if invitation.user is None:
        raise NotFound()
    with transaction.atomic():
        lock_organisation(invitation.organisation_id)  # as whoever takes the inviter's role away
        end(invitation.id)
        invites = Membership.objects.filter(
            organisation=invitation.organisation_id,
            user=invitation.inviter_id,
            user__is_active=True,
            role=Role.ADMIN,
        )
        if invitation.created_at < _oldest() or not invites.exists():
            raise InvitationVoid()
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


def _found(account: str) -> User | None:
    try:
        return find_account(account)
    except UnknownAccount:
        return None


def _oldest() -> datetime:
    return datetime.now(UTC) - LASTS
