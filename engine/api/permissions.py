from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.views import APIView

from core.api.permissions import ByRole
from core.models import Role


class DraftsByOwner(ByRole):
    """As usual, but what nobody else sees its owner may also delete and move, as an editor."""

    def needed(self, request: Request, view: APIView, obj: Any) -> Role:
        needed = super().needed(request, view, obj)
        own = obj.owner_id == request.user.pk and not obj.is_shared
        return Role.EDITOR if own and needed == Role.ADMIN else needed
