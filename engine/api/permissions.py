"""Who may do what with an object that they may see. What they may not see is 404."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from core.api.permissions import DenyByDefault


class OwnerChanges(DenyByDefault):
    """Everybody who sees a workflow may read it; its owner alone may change it."""

    message = "Only the workflow's owner may change it."

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return request.method in SAFE_METHODS or obj.owner_id == request.user.pk


class WhoSeesMay(DenyByDefault):
    """Seeing is enough: to run a workflow; to steer and answer a run; to keep one's schedule."""

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return True
