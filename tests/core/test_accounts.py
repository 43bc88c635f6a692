from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from knox.models import AuthToken
from pytest_django import Settings
from rest_framework.test import APIClient

from core.models import User
from tests.support.cast import Cast

TOKEN = "/api/v1/auth/token"
PASSWORD = " correct horse "


@pytest.fixture(autouse=True)
def no_earlier_attempts(settings: Settings) -> Iterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password=PASSWORD, first_name="Ann")


def sign_in(username: Any = "ann", password: Any = PASSWORD) -> Any:
    return APIClient().post(TOKEN, {"username": username, "password": password}, format="json")


def test_token_from_sign_in_to_revocation(ann: User) -> None:
    issued = sign_in()
    assert (issued.status_code, issued.json()["expiry"]) == (201, None)
    other = sign_in().json()["token"]
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {issued.json()['token']}")
    assert api.get("/api/v1/me").json() == {
        "id": str(ann.id),
        "username": "ann",
        "first_name": "Ann",
        "last_name": "",
        "email": "",
        "is_staff": False,
    }
    assert api.delete(TOKEN).status_code == 204
    assert api.get("/api/v1/me").status_code == 401
    api.credentials(HTTP_AUTHORIZATION=f"Token {other}")
    assert api.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("username", "password", "code"),
    [
        ("ann", "wrong", "invalid_credentials"),
        ("ann", PASSWORD.strip(), "invalid_credentials"),
        ("nobody", PASSWORD, "invalid_credentials"),
        ("", PASSWORD, "invalid_input"),
        ("ann", "", "invalid_input"),
        ("ann", None, "invalid_input"),
        ("ann", ["x"], "invalid_input"),
        ({"a": 1}, "x", "invalid_input"),
        ("a\nb" * 40, "x", "invalid_credentials"),
        ("x" * 151, "x", "invalid_input"),
        ("ann", "x" * 1_001, "invalid_input"),
    ],
)
def test_wrong_credentials(ann: User, username: Any, password: Any, code: str) -> None:
    response = sign_in(username, password)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert not AuthToken.objects.exists()


def test_inactive_account(ann: User) -> None:
    User.objects.update(is_active=False)
    assert sign_in().json()["code"] == "invalid_credentials"


def test_body_is_strict(ann: User) -> None:
    body = {"username": "ann", "password": PASSWORD, "admin": True}
    assert APIClient().post(TOKEN, body, format="json").status_code == 400
    assert APIClient().post(TOKEN, [], format="json").status_code == 400


def test_attempts_at_one_account_are_counted(ann: User) -> None:
    statuses = [sign_in("ANN", "wrong").status_code for _ in range(11)]
    assert statuses == [400] * 10 + [429]
    late = sign_in()
    assert (late.status_code, late.json()["code"]) == (429, "throttled")
    assert int(late["Retry-After"]) > 0
    assert sign_in("bob").status_code == 400


def test_attempts_from_one_address_are_counted(db: None, settings: Any) -> None:
    statuses = [sign_in(f"user{n}", "x").status_code for n in range(61)]
    assert statuses == [400] * 60 + [429]
    spoofed = APIClient().post(
        TOKEN,
        {"username": "new", "password": "x"},
        format="json",
        headers={"X-Forwarded-For": "1.2.3.4"},
    )
    assert spoofed.status_code == 429


def test_session_has_no_token_to_revoke(cast: Cast) -> None:
    api = APIClient()
    api.force_login(cast.owner.user)
    assert api.get("/api/v1/me").json()["username"] == "owner"
    response = api.delete(TOKEN)
    assert (response.status_code, response.json()["code"]) == (400, "no_token")
    assert AuthToken.objects.count() == 4


def test_anonymous_has_neither(db: None) -> None:
    assert APIClient().get("/api/v1/me").status_code == 401
    assert APIClient().delete(TOKEN).status_code == 401


def test_sign_in_asks_no_csrf_token_of_a_session(ann: User) -> None:
    api = APIClient(enforce_csrf_checks=True)
    api.force_login(ann)
    body = {"username": "ann", "password": PASSWORD}
    assert api.post(TOKEN, body, format="json").status_code == 201
