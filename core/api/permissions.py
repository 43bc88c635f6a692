from __future__ import annotations

from typing import Any

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView


class DenyByDefault(IsAuthenticated):
    """Base of the platform's permissions: signed-in users only, and no object.

    A subclass says which objects by `has_object_permission`. What a user may not even see is left
    out of the view's queryset, so that the answer is 404.
    """

    def has_object_permission(self, request: Request, view: APIView, obj: Any) -> bool:
        return False
