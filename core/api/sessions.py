"""Sessions, for the front end: a cookie that scripts cannot read, and a CSRF token beside it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import login, logout
from django.middleware.csrf import get_token
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.accounts import Account
from core.api.permissions import ForEverybody
from core.api.schema import refusal
from core.api.signing_in import Credentials, SignInView
from core.errors import InvalidInput, PermissionDenied
from core.models import Role, User
from core.sign_in import InvalidCredentials, LockedOut, check_password


class NoSession(InvalidInput):
    """This request was not signed in by a session."""

    code = "no_session"


class SessionState(serializers.Serializer[Any]):
    account = Account(allow_null=True, help_text="Who is signed in; null where nobody is.")
    csrf_token = serializers.CharField(
        help_text="Send it as `X-CSRFToken` with every request that changes something."
    )


class SessionView(SignInView):
    """The browser's session. Its cookie is sent by the browser, never by hand."""

    permission_classes = [ForEverybody]
    needs = {"DELETE": Role.VIEWER}

    def get_permissions(self) -> Any:
        return super().get_permissions() if self.request.method == "DELETE" else [AllowAny()]

    @extend_schema(
        tags=["auth"],
        summary="Show the session, and get a CSRF token",
        responses=SessionState,
    )
    def get(self, request: Request) -> Response:
        return _state(request)

    @extend_schema(
        tags=["auth"],
        summary="Sign in with a session",
        description="Asks for the CSRF token of `GET`; the answer holds a fresh one.",
        request=Credentials,
        responses={
            200: SessionState,
            **refusal(InvalidCredentials, PermissionDenied, LockedOut),
        },
        auth=[],
    )
    def post(self, request: Request) -> Response:
        # Nobody is signed in yet, and all the same: else a strange page could sign its visitors in.
        SessionAuthentication().enforce_csrf(request)
        body = Credentials(data=request.data)
        body.is_valid(raise_exception=True)
        user = check_password(request._request, **body.validated_data)
        login(request._request, user)
        request.user = user
        return _state(request)

    @extend_schema(
        tags=["auth"],
        summary="Sign out",
        request=None,
        responses={204: None, **refusal(NoSession)},
    )
    def delete(self, request: Request) -> Response:
        if request.auth is not None:
            raise NoSession()
        logout(request._request)
        return Response(status=204)


def _state(request: Request) -> Response:
    account = Account(request.user).data if isinstance(request.user, User) else None
    state = {"account": account, "csrf_token": get_token(request._request)}
    return Response(state, headers={"Cache-Control": "no-store"})


urlpatterns = [path("auth/session", SessionView.as_view(), name="auth-session")]
