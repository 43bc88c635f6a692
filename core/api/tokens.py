"""Tokens, for programs: getting one, seeing and revoking one's own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView, ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from core.access import ScopeTooSmall
from core.api.callers import caller
from core.api.permissions import ForEverybody
from core.api.schema import refusal
from core.api.serializers import StrictModelSerializer, StrictSerializer
from core.api.signing_in import Credentials, SignInView
from core.audit.actors import by_request
from core.audit.recording import action
from core.errors import InvalidInput
from core.models import AccessToken, Role, Scope, User
from core.names import one_line
from core.sign_in import InvalidCredentials, LockedOut, check_password
from core.tokens import DEFAULT_DAYS, MAX_DAYS, issue_token


class NoToken(InvalidInput):
    """This request was not signed in by a token."""

    code = "no_token"


class NewToken(StrictSerializer):
    scope = serializers.ChoiceField(
        choices=Scope.choices,
        default=Scope.ADMIN,
        help_text="The most that it may do: no more than a viewer (`read`), a runner (`run`), an "
        "editor (`edit`) or an admin (`admin`), and never more than you.",
    )
    days = serializers.IntegerField(
        min_value=1, max_value=MAX_DAYS, default=DEFAULT_DAYS, help_text="After which it expires."
    )
    name = serializers.CharField(
        max_length=100,
        default="",
        allow_blank=True,
        validators=[one_line],
        help_text="What it is for.",
    )


class NewTokenByPassword(Credentials, NewToken):
    pass


class Token(StrictModelSerializer):
    """A token as its owner sees it later."""

    starts_with = serializers.SerializerMethodField(help_text="To tell it from others.")

    class Meta:
        model = AccessToken
        fields: tuple[str, ...] = (
            "id",
            "name",
            "starts_with",
            "scope",
            "created",
            "expiry",
            "used_at",
        )
        read_only_fields = fields

    def get_starts_with(self, token: AccessToken) -> str:
        return str(token.token_key)[:9]


class IssuedToken(Token):
    """A token, once."""

    token = serializers.CharField(
        source="text", help_text="Send it as `Authorization: Token <token>`. Not shown again."
    )

    class Meta(Token.Meta):
        fields = ("token", *Token.Meta.fields)
        read_only_fields = fields


class TokenView(SignInView):
    """A token for a password, and the token that a request is signed in by."""

    permission_classes = [ForEverybody]
    needs = {"DELETE": Role.VIEWER}

    @extend_schema(
        tags=["auth"],
        summary="Get a token for a user name and a password",
        request=NewTokenByPassword,
        responses={201: IssuedToken, **refusal(InvalidCredentials, LockedOut)},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        body = NewTokenByPassword(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        user = check_password(
            request._request, username=given.pop("username"), password=given.pop("password")
        )
        return _issue(request, user, given)

    @extend_schema(
        tags=["auth"],
        summary="Revoke the token that this request is signed in by",
        request=None,
        responses={204: None, **refusal(NoToken)},
    )
    def delete(self, request: Request) -> Response:
        if not isinstance(request.auth, AccessToken):
            raise NoToken()
        _revoke(request, request.auth)
        return Response(status=204)


class TokenList(ListAPIView[AccessToken]):
    """Your tokens."""

    queryset = AccessToken.objects.none()
    permission_classes = [ForEverybody]
    serializer_class = Token
    keyset = ("-created", "-id")

    def get_queryset(self) -> QuerySet[AccessToken]:
        return _tokens_for(caller(self))

    @extend_schema(tags=["auth"], summary="List your tokens, the newest first")
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        tags=["auth"],
        summary="Make another token",
        request=NewToken,
        responses={201: IssuedToken, **refusal(ScopeTooSmall)},
    )
    def post(self, request: Request) -> Response:
        body = NewToken(data=request.data)
        body.is_valid(raise_exception=True)
        return _issue(request, caller(self), body.validated_data)


class TokenDetail(GenericAPIView[AccessToken]):
    """One of your tokens."""

    queryset = AccessToken.objects.none()
    permission_classes = [ForEverybody]
    serializer_class = Token
    lookup_field = "id"
    lookup_url_kwarg = "token_id"

    def get_queryset(self) -> QuerySet[AccessToken]:
        return _tokens_for(caller(self))

    @extend_schema(tags=["auth"], summary="Revoke one of your tokens", responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        _revoke(request, self.get_object())
        return Response(status=204)


def _tokens_for(user: User) -> QuerySet[AccessToken]:
    """The user's own tokens."""
    return AccessToken.objects.filter(user=user)


def _issue(request: Request, user: User, given: dict[str, Any]) -> Response:
    scope = Scope(given["scope"])
    with action(by_request(request, user), "token.create", scope=scope) as entry:
        row, text = issue_token(user=user, scope=scope, days=given["days"], name=given["name"])
        entry.on(row)
    shown: Any = row
    shown.text = text
    headers = {"Cache-Control": "no-store"}
    return Response(IssuedToken(shown).data, status=201, headers=headers)


def _revoke(request: Request, token: AccessToken) -> None:
    with action(by_request(request), "token.revoke", (AccessToken, token.pk)):
        token.delete()


urlpatterns = [
    path("auth/token", TokenView.as_view(), name="auth-token"),
    path("auth/tokens", TokenList.as_view(), name="auth-tokens"),
    path("auth/tokens/<uuid:token_id>", TokenDetail.as_view(), name="auth-one-token"),
]
