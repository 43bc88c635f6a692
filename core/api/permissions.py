"""Roles and scopes: what a view asks of its caller.

A view says by `needs` which role each method asks for. Reading asks for a viewer where it says
nothing, everything else for an admin. A token's scope is a ceiling: whatever its owner's role is,
the token can do no more than a member of the scope's role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request

from core.access import ScopeTooSmall, require_role
from core.models import AccessToken, Role, Scope

if TYPE_CHECKING:  # DRF's views import this module, as that of the default permission
    from rest_framework.views import APIView


def needed_role(view: APIView, method: str) -> Role:
    """The role that the view asks for."""
    default = Role.VIEWER if method in SAFE_METHODS else Role.ADMIN
    needs: dict[str, Role] = getattr(view, "needs", {})
    return needs.get("GET" if method == "HEAD" else method, default)


def require_scope(request: Request, needed: Role) -> None:
    """Refuses a token that must not act in this role. Raises ScopeTooSmall."""
    token = request.auth
    if isinstance(token, AccessToken) and not Scope(token.scope).role.allows(needed):
        raise ScopeTooSmall(f"This needs a token of the scope '{Scope.of(needed)}'.")


class ForEverybody(IsAuthenticated):
    """For what belongs to no organisation: signed in is enough, within the token's scope."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        require_scope(request, needed_role(view, str(request.method)))
        return True


class ByRole(ForEverybody):
    """The default: an object is for members of its organisation whose role is large enough.

    An object without `caller_role` (`core.access.with_role`) is for nobody. What a user may not
    even see is left out of the view's queryset, so that the answer is 404.
    """

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        if not hasattr(obj, "caller_role"):
            return False
        require_role(obj, self.needed(request, view, obj))
        return True

    def needed(self, request: Request, view: APIView, obj: Any) -> Role:
        """The role that this object asks for."""
        return needed_role(view, str(request.method))
