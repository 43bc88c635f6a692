"""Who sees what, and may do what with it: memberships and their roles.

What somebody may not even see is left out of the queryset of its kind (`organisations_for` here,
`workflows_for` and others above), so that the answer is 404. Whoever sees a thing and has too small
a role in its organisation gets 403.
"""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.db.models import F, Model, OuterRef, QuerySet, Subquery

from core.errors import NotFound, PermissionDenied, Problem
from core.models import Membership, Organisation, Role, User
from core.organisations import personal_organisation

_Row = TypeVar("_Row", bound=Model)


class RoleTooSmall(PermissionDenied):
    """Your role in the organisation does not allow this."""

    code = "role_too_small"


class ScopeTooSmall(PermissionDenied):
    """The token's scope does not allow this."""

    code = "scope_too_small"


def organisations_for(user: User) -> QuerySet[Organisation]:
    """The organisations that the user belongs to."""
    return Organisation.objects.filter(memberships__user=user)


def with_role(
    rows: QuerySet[_Row], user: User, *, organisation: str = "organisation_id"
) -> QuerySet[_Row]:
    """The rows, each with `caller_role`, the user's role in its organisation, and with
    `organisation_id`.

    Args:
        organisation: the way from a row to its organisation's id.
    """
    found = Membership.objects.filter(user=user, organisation_id=OuterRef(organisation))
    annotated: QuerySet[Any] = rows.annotate(caller_role=Subquery(found.values("role")))
    if organisation.endswith("__organisation_id"):
        annotated = annotated.annotate(organisation_id=F(organisation))
    return annotated


def require_role(row: Any, needed: Role) -> None:
    """Refuses a caller whose role is too small for this row of `with_role`. Raises RoleTooSmall."""
    role: str | None = row.caller_role
    if role is None or not Role(role).allows(needed):
        raise RoleTooSmall(f"This needs the role '{needed}' in the organisation.")


def organisation_for(user: User, organisation_id: UUID | None, *, needed: Role) -> Organisation:
    """The organisation that a request names, the user's own one where it names none.

    Raises:
        NotFound: the user does not belong to it.
        RoleTooSmall: the role there is too small.
    """
    if organisation_id is None:
        return personal_organisation(user)
    found = with_role(organisations_for(user), user, organisation="id")
    organisation = found.filter(id=organisation_id).first()
    if organisation is None:
        message = "There is no such organisation."
        raise NotFound(message, problems=[Problem("organisation", message)])
    require_role(organisation, needed)
    return organisation
