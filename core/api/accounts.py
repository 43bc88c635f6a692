"""Signing in: who am I, a token for a password, and its end."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.contrib.auth import authenticate
from django.urls import path
from drf_spectacular.utils import extend_schema
from knox.models import get_token_model
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle, SimpleRateThrottle
from rest_framework.views import APIView

from core.api.schema import refusal
from core.api.serializers import StrictModelSerializer, StrictSerializer
from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import InvalidInput
from core.models import User


class InvalidCredentials(InvalidInput):
    """The user name or the password is wrong."""

    code = "invalid_credentials"


class NoToken(InvalidInput):
    """This request was not signed in by a token."""

    code = "no_token"


class _SignInThrottle(SimpleRateThrottle):
    """Counts in the process's memory: with several web processes a caller has as many chances."""

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        ident = self.ident(request)
        return None if ident is None else f"throttle:{self.scope}:{ident}"

    def ident(self, request: Request) -> str | None:
        raise NotImplementedError


class AddressThrottle(_SignInThrottle):
    """Attempts from one address, as the server sees it: X-Forwarded-For could be made up."""

    scope = "sign-in-address"
    rate = "60/min"

    def ident(self, request: Request) -> str | None:
        return str(request.META.get("REMOTE_ADDR", ""))


class AccountThrottle(_SignInThrottle):
    """Attempts at one account from anywhere. Its tokens go on working while it is closed."""

    scope = "sign-in-account"
    rate = "10/min"

    def ident(self, request: Request) -> str | None:
        data = request.data
        name = data.get("username") if isinstance(data, dict) else None
        return sha256(name.casefold().encode()).hexdigest() if isinstance(name, str) else None


class Credentials(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1_000, trim_whitespace=False, write_only=True)


class IssuedToken(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="Send it as `Authorization: Token <token>`.")
    expiry = serializers.DateTimeField(allow_null=True)


class Account(StrictModelSerializer):
    class Meta:
        model = User
        fields = ("id", "username", "first_name", "last_name", "email", "is_staff")
        read_only_fields = fields


class TokenView(APIView):
    """The caller's tokens."""

    @extend_schema(
        tags=["auth"],
        summary="Get a token for a user name and a password",
        request=Credentials,
        responses={201: IssuedToken, **refusal(InvalidCredentials)},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        credentials = Credentials(data=request.data)
        credentials.is_valid(raise_exception=True)
        user = authenticate(request._request, **credentials.validated_data)
        if user is None:
            raise InvalidCredentials()
        with action(by_request(request, user), "token.create") as entry:
            issued, token = get_token_model().objects.create(user=user)
            entry.on(issued)
        return Response({"token": token, "expiry": issued.expiry}, status=201)

    @extend_schema(
        tags=["auth"],
        summary="Revoke the token that this request is signed in by",
        request=None,
        responses={204: None, **refusal(NoToken)},
    )
    def delete(self, request: Request) -> Response:
        if request.auth is None:
            raise NoToken()
        target = get_token_model(), request.auth.pk
        with action(by_request(request), "token.revoke", target):
            request.auth.delete()
        return Response(status=204)

    def get_authenticators(self) -> Any:
        # Signing in must not ask for the CSRF token of a session that happens to be there.
        return [] if self._is_sign_in() else super().get_authenticators()

    def get_permissions(self) -> Any:
        return [AllowAny()] if self._is_sign_in() else super().get_permissions()

    def get_throttles(self) -> list[BaseThrottle]:
        return [AddressThrottle(), AccountThrottle()] if self._is_sign_in() else []

    def _is_sign_in(self) -> bool:
        return self.request is not None and self.request.method == "POST"


class MeView(APIView):
    """The caller's account."""

    @extend_schema(tags=["auth"], summary="Show who is signed in", responses=Account)
    def get(self, request: Request) -> Response:
        return Response(Account(request.user).data)


urlpatterns = [
    path("auth/token", TokenView.as_view(), name="auth-token"),
    path("me", MeView.as_view(), name="me"),
]
