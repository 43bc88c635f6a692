from __future__ import annotations

from typing import Any

from django.utils import timezone
from knox.crypto import hash_token
from knox.models import get_token_model
from rest_framework.authentication import TokenAuthentication as HeaderAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.models import User


class TokenAuthentication(HeaderAuthentication):
    """Signs in by a knox token: ``Authorization: Token <key>``, or ``Bearer <key>``.

    One query by the token's digest, which is the table's primary key; knox's own class reads every
    token of the user at each request.
    """

    def authenticate(self, request: Request) -> tuple[User, Any] | None:
        if get_authorization_header(request).lower().split()[:1] == [b"bearer"]:
            self.keyword = "Bearer"
        return super().authenticate(request)

    def authenticate_credentials(self, key: str) -> tuple[User, Any]:
        token = (
            get_token_model().objects.select_related("user").filter(digest=hash_token(key)).first()
        )
        if token is None or (token.expiry is not None and token.expiry <= timezone.now()):
            raise AuthenticationFailed("The token is not valid or has expired.")
        if not token.user.is_active:
            raise AuthenticationFailed("The account is not active.")
        return token.user, token
