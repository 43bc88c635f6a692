"""Sessions of the front end: sign in, change something, sign out; CSRF and cookies all along."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from core.models import Scope, User
from core.tokens import issue_token

SESSION = "/api/v1/auth/session"
PASSWORD, WRONG = "correct horse", "wrong"
CREDENTIALS = {"username": "ann", "password": PASSWORD}


@pytest.fixture(autouse=True)
def ann(db: None, settings: Settings, fresh_counts: None) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return User.objects.create_user(**CREDENTIALS)


@pytest.fixture
def browser() -> APIClient:
    return APIClient(enforce_csrf_checks=True)


def send(browser: APIClient, method: str, path: str, csrf: str, body: Any = None) -> Any:
    headers = {"X-CSRFToken": csrf} if csrf else {}
    return getattr(browser, method)(path, body, format="json", headers=headers)


def test_from_sign_in_to_sign_out(browser: APIClient) -> None:
    before = browser.get(SESSION)
    assert before.json()["account"] is None
    assert before["Cache-Control"] == "no-store"
    opened = send(browser, "post", SESSION, before.json()["csrf_token"], CREDENTIALS)
    assert (opened.status_code, opened.json()["account"]["username"]) == (200, "ann")
    csrf = opened.json()["csrf_token"]
    assert browser.get(SESSION).json()["account"]["username"] == "ann"
    assert browser.get("/api/v1/me").json()["username"] == "ann"
    made = send(browser, "post", "/api/v1/organisations", csrf, {"name": "Team"})
    assert made.status_code == 201
    key = browser.cookies["sessionid"].value
    assert send(browser, "delete", SESSION, csrf).status_code == 204
    assert browser.get("/api/v1/me").status_code == 401
    browser.cookies["sessionid"] = key
    assert browser.get("/api/v1/me").status_code == 401, "the old cookie is worth nothing"


@pytest.mark.parametrize("csrf", ["", "x", "x" * 64])
def test_every_change_asks_for_the_csrf_token(browser: APIClient, csrf: str) -> None:
    right = browser.get(SESSION).json()["csrf_token"]
    refused = send(browser, "post", SESSION, csrf, CREDENTIALS)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
    assert "CSRF" in refused.json()["message"]
    send(browser, "post", SESSION, right, CREDENTIALS)
    for method, path in (("post", "/api/v1/organisations"), ("delete", SESSION)):
        refused = send(browser, method, path, csrf, {"name": "Team"})
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")


def test_signing_in_changes_the_csrf_token(browser: APIClient) -> None:
    before = browser.get(SESSION).json()["csrf_token"]
    send(browser, "post", SESSION, before, CREDENTIALS)
    assert send(browser, "post", "/api/v1/organisations", before, {"name": "x"}).status_code == 403


@pytest.mark.parametrize(
    "body", [{"username": "ann", "password": WRONG}, {"username": "ann"}, {**CREDENTIALS, "x": 1}]
)
def test_wrong_credentials(browser: APIClient, body: Any) -> None:
    csrf = browser.get(SESSION).json()["csrf_token"]
    assert send(browser, "post", SESSION, csrf, body).status_code == 400
    assert browser.get(SESSION).json()["account"] is None


def test_a_token_is_no_session(ann: User, browser: APIClient) -> None:
    token = issue_token(user=ann, scope=Scope.ADMIN)[1]
    browser.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    answer = browser.delete(SESSION)
    assert (answer.status_code, answer.json()["code"]) == (400, "no_session")


def test_a_password_changed_ends_sessions(ann: User, browser: APIClient) -> None:
    csrf = browser.get(SESSION).json()["csrf_token"]
    send(browser, "post", SESSION, csrf, CREDENTIALS)
    ann.set_password("another")
    ann.save()
    assert browser.get("/api/v1/me").status_code == 401


def test_cookies_are_for_the_browser_alone(browser: APIClient) -> None:
    csrf = browser.get(SESSION).json()["csrf_token"]
    send(browser, "post", SESSION, csrf, CREDENTIALS)
    for name in ("sessionid", "csrftoken"):
        cookie = browser.cookies[name]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
