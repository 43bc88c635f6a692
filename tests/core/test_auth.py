from __future__ import annotations

import pytest
from django.urls import path
from pytest_django import DjangoAssertNumQueries
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from core.api.permissions import ByRole
from core.models import Scope, User
from core.tokens import issue_token


class Me(APIView):
    permission_classes = [ByRole]

    def get(self, request: Request) -> Response:
        return Response(request.user.get_username())


urlpatterns = [path("api/v1/me", Me.as_view())]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture
def token() -> str:
    return issue_token(user=User.objects.create_user("ann"), scope=Scope.READ)[1]


def ask(header: str | None) -> tuple[int, object]:
    client = APIClient()
    if header is not None:
        client.credentials(HTTP_AUTHORIZATION=header)
    response = client.get("/api/v1/me")
    return response.status_code, response.json()


@pytest.mark.parametrize("scheme", ["Token", "token", "Bearer", "BEARER"])
def test_both_schemes_sign_in(
    token: str, scheme: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert ask(f"{scheme} {token}") == (200, "ann")  # notes its use, once an hour
    with django_assert_num_queries(1):
        assert ask(f"{scheme} {token}") == (200, "ann")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "not_authenticated"),
        ("", "not_authenticated"),
        ("Basic YTpi", "not_authenticated"),
        ("Token", "authentication_failed"),
        ("Bearer ", "authentication_failed"),
        ("Token a b", "authentication_failed"),
        ("Token wrong", "authentication_failed"),
        ("Bearer wrong", "authentication_failed"),
        ("Token \xff\xfe", "authentication_failed"),
        ("Token \0", "authentication_failed"),
        (f"Token {'a' * 5000}", "authentication_failed"),
    ],
)
def test_other_headers_do_not(header: str | None, code: str) -> None:
    status, body = ask(header)
    assert isinstance(body, dict)
    assert (status, body["code"]) == (401, code)


def test_an_expired_token_and_a_closed_account_do_not_sign_in(token: str) -> None:
    user = User.objects.get()
    expired = issue_token(user=user, scope=Scope.READ, days=0)[1]
    assert ask(f"Token {expired}")[0] == 401
    user.is_active = False
    user.save()
    assert ask(f"Token {token}")[0] == 401


def test_a_refusal_names_the_scheme(token: str) -> None:
    assert APIClient().get("/api/v1/me")["WWW-Authenticate"] == "Token"
