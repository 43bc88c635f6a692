from __future__ import annotations

from django.utils import timezone
from knox.crypto import hash_token
from rest_framework.authentication import TokenAuthentication as HeaderAuthentication
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from core.models import AccessToken, User
from core.tokens import note_use


class TokenAuthentication(HeaderAuthentication):
    """Signs in by a token: ``Authorization: Token <key>``, or ``Bearer <key>``.

    One query by the token's digest; knox's own class reads every token of the user at each request.
    """

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        if get_authorization_header(request).lower().split()[:1] == [b"bearer"]:
            self.keyword = "Bearer"
        return super().authenticate(request)

    def authenticate_credentials(self, key: str) -> tuple[User, AccessToken]:
        token = AccessToken.objects.select_related("user").filter(digest=hash_token(key)).first()
        if token is None or token.expiry <= timezone.now():
            raise AuthenticationFailed("The token is not valid or has expired.")
        if not token.user.is_active:
            raise AuthenticationFailed("The account is not active.")
        note_use(token)
        return token.user, token
