from __future__ import annotations

from rest_framework.views import APIView

from core.models import User


def caller(view: APIView) -> User:
    """Who is signed in. The schema's generator asks without a user: it sees nobody's rows."""
    user = view.request.user
    return user if isinstance(user, User) else User()
