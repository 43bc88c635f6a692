from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from core import counters
from core.models import AccessToken, Scope, User
from core.tokens import issue_token
from tests.support.cast import Cast

TOKEN = "/api/v1/auth/token"
TOKENS = "/api/v1/auth/tokens"
SESSION = "/api/v1/auth/session"
PASSWORD, WRONG, TYPED = " correct horse ", "wrong", "other secret"


@pytest.fixture(autouse=True)
def quick_passwords(settings: Settings, fresh_counts: None) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann", password=PASSWORD, first_name="Ann")


def sign_in(username: Any = "ann", password: Any = PASSWORD) -> Any:
    return APIClient().post(TOKEN, {"username": username, "password": password}, format="json")


def test_token_from_sign_in_to_revocation(ann: User) -> None:
    issued = sign_in()
    made = issued.json()
    assert issued.status_code == 201
    assert (made["scope"], made["name"], made["used_at"]) == ("admin", "", None)
    assert made["token"].startswith("wfp_")
    assert made["token"].startswith(made["starts_with"])
    assert issued["Cache-Control"] == "no-store"
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
    assert not AccessToken.objects.exists()


def test_inactive_account(ann: User) -> None:
    User.objects.update(is_active=False)
    assert sign_in().json()["code"] == "invalid_credentials"


def test_body_is_strict(ann: User) -> None:
    body = {"username": "ann", "password": PASSWORD, "admin": True}
    assert APIClient().post(TOKEN, body, format="json").status_code == 400
    assert APIClient().post(TOKEN, [], format="json").status_code == 400


def test_scope_days_and_name_of_a_token(ann: User) -> None:
    body = {"username": "ann", "password": PASSWORD, "scope": "run", "days": 2, "name": "CI"}
    made = APIClient().post(TOKEN, body, format="json").json()
    row = AccessToken.objects.get()
    assert (made["id"], row.scope, row.name) == (str(row.id), Scope.RUN, "CI")
    assert abs(row.expiry - timezone.now() - timedelta(days=2)) < timedelta(minutes=1)
    assert made["token"] not in str(vars(row))


@pytest.mark.parametrize(
    "wrong", [{"scope": "all"}, {"days": 0}, {"days": 367}, {"days": None}, {"name": "x" * 101}]
)
def test_tokens_that_there_cannot_be(ann: User, wrong: dict[str, Any]) -> None:
    body = {"username": "ann", "password": PASSWORD, **wrong}
    response = APIClient().post(TOKEN, body, format="json")
    assert (response.status_code, response.json()["details"][0]["path"]) == (400, next(iter(wrong)))
    assert not AccessToken.objects.exists()


def signed_in(user: User, scope: Scope) -> APIClient:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {issue_token(user=user, scope=scope)[1]}")
    return api


def test_listing_making_and_revoking_ones_own(ann: User) -> None:
    bob = User.objects.create_user("bob")
    others = issue_token(user=bob, scope=Scope.READ)[0]
    api = signed_in(ann, Scope.ADMIN)
    made = api.post(TOKENS, {"scope": "edit", "name": "Editor"}, format="json").json()
    rows = api.get(TOKENS).json()["results"]
    assert [(row["name"], row["scope"]) for row in rows] == [("Editor", "edit"), ("", "admin")]
    assert rows[1]["used_at"] is not None
    assert "token" not in rows[0]
    assert api.delete(f"{TOKENS}/{others.id}").status_code == 404
    assert api.delete(f"{TOKENS}/{made['id']}").status_code == 204
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {made['token']}")
    assert client.get("/api/v1/me").status_code == 401


def test_a_small_token_makes_no_other(ann: User) -> None:
    api = signed_in(ann, Scope.EDIT)
    response = api.post(TOKENS, {"scope": "read"}, format="json")
    assert (response.status_code, response.json()["code"]) == (403, "scope_too_small")
    assert api.get(TOKENS).status_code == 200


def test_a_small_token_neither_leaves_nor_moves(cast: Cast) -> None:
    api = signed_in(cast.team_mate.user, Scope.EDIT)
    member = f"/api/v1/organisations/{cast.team.id}/members/{cast.team_mate.user.id}"
    assert api.delete(member).json()["code"] == "scope_too_small"
    api = signed_in(cast.owner.user, Scope.EDIT)
    own = str(cast.owner.user.personal_organisation.id)
    workflow = f"/api/v1/workflows/{cast.shared.id}"
    moved = api.patch(workflow, {"organisation": own}, format="json")
    assert moved.json()["code"] == "scope_too_small"


@pytest.mark.parametrize(
    ("age", "noted"), [(timedelta(minutes=59), False), (timedelta(hours=1), True)]
)
def test_use_is_noted_once_an_hour(ann: User, age: timedelta, noted: bool) -> None:
    api = signed_in(ann, Scope.READ)
    before = timezone.now() - age
    AccessToken.objects.update(used_at=before)
    api.get("/api/v1/me")
    assert (AccessToken.objects.get().used_at != before) is noted


def test_five_wrong_passwords_lock_out(ann: User) -> None:
    answers = [sign_in("ann", "wrong") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [400] * 4 + [429]
    late = sign_in()
    assert (late.status_code, late.json()["code"]) == (429, "locked_out")
    assert late["Retry-After"] == "900"
    assert set(late.json()) == {"code", "message", "details"}
    assert not AccessToken.objects.exists()
    assert sign_in("bob").status_code == 400, "another account"


def test_waiting_a_quarter_of_an_hour_is_enough(ann: User) -> None:
    for _ in range(5):
        sign_in("ann", "wrong")
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert sign_in().status_code == 201


def test_success_forgets_what_was_wrong_before(ann: User) -> None:
    for _ in range(2):
        for _ in range(4):
            assert sign_in("ann", "wrong").status_code == 400
        assert sign_in().status_code == 201


def test_every_door_counts(ann: User, client: Client) -> None:
    User.objects.update(is_staff=True)
    session = APIClient()
    for _ in range(2):
        assert sign_in("ann", "wrong").status_code == 400
        wrong = {"username": "ann", "password": WRONG}
        assert session.post(SESSION, wrong, format="json").status_code == 400
    wrong = {"username": "ann", "password": WRONG}
    page = client.post("/admin/login/", wrong, headers={"Accept": "text/html"})
    assert (page.status_code, page["Retry-After"]) == (429, "900")
    assert b"Too many wrong passwords" in page.content
    right = {"username": "ann", "password": PASSWORD}
    assert client.post("/admin/login/", right).status_code == 429
    answer = session.post(SESSION, right, format="json")
    assert (answer.status_code, answer.json()["code"]) == (429, "locked_out")


def test_what_was_typed_is_not_kept(ann: User, client: Client) -> None:
    sign_in("my secret password", "ann")
    client.post("/admin/login/", {"username": "my secret password", "password": TYPED})
    sign_in("ann", "third secret")
    kept = [str(vars(row)) for row in AccessAttempt.objects.all()]
    assert len(kept) == 2
    assert not [text for text in kept if "secret" in text]


@pytest.fixture
def one_proxy(settings: Settings) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": 1}


def sign_in_from(address: str, username: str = "ann") -> int:
    body = {"username": username, "password": WRONG}
    headers = {"X-Forwarded-For": f"203.0.113.9, {address}"}  # the first is made up
    response = APIClient().post(TOKEN, body, format="json", headers=headers)
    assert response.json()["code"] in ("invalid_credentials", "throttled", "locked_out")
    return int(response.status_code)


def test_attempts_at_one_account_are_counted(ann: User, one_proxy: None) -> None:
    statuses = [sign_in_from(f"192.0.2.{n}") for n in range(11)]
    assert statuses == [400] * 10 + [429]
    assert sign_in_from("192.0.2.99", "bob") == 400


@pytest.fixture
def small_limits(settings: Settings) -> None:
    settings.SIGN_IN_RATE_PER_ADDRESS = 8
    settings.SIGN_IN_FAILURES_PER_ADDRESS = 0


def test_attempts_from_one_address_are_counted(
    db: None, one_proxy: None, small_limits: None
) -> None:
    statuses = [sign_in_from("192.0.2.7", f"user{n}") for n in range(9)]
    assert statuses == [400] * 8 + [429]
    assert sign_in_from("192.0.2.8", "other") == 400


def test_a_household_of_ipv6_is_one_address(db: None, one_proxy: None, small_limits: None) -> None:
    statuses = [sign_in_from(f"2001:db8::{n:x}", f"user{n}") for n in range(9)]
    assert statuses == [400] * 8 + [429]
    assert sign_in_from("2001:db8:0:1::1", "other") == 400


def test_addresses_cannot_be_made_up(db: None, small_limits: None) -> None:
    statuses = [sign_in_from(f"192.0.2.{n}", f"user{n}") for n in range(9)]
    assert statuses == [400] * 8 + [429]


@pytest.mark.parametrize(
    ("addresses", "elsewhere"),
    [("192.0.2.7", "192.0.2.8"), ("2001:db8::{:x}", "2001:db8:0:1::1")],
)
def test_one_password_over_many_accounts_locks_the_address_out(
    ann: User, one_proxy: None, client: Client, addresses: str, elsewhere: str
) -> None:
    for number in range(49):
        assert sign_in_from(addresses.format(number), f"user{number % 30}") == 400
    assert sign_in_from(addresses.format(49), "user49") == 429, "the fiftieth failure"
    here = {"X-Forwarded-For": addresses.format(50)}
    right = {"username": "ann", "password": PASSWORD}
    for door in (TOKEN, SESSION):
        answer = APIClient().post(door, right, format="json", headers=here)
        assert (answer.status_code, answer.json()["code"]) == (429, "locked_out")
    page = client.post("/admin/login/", right, headers=here)
    assert (page.status_code, page["Retry-After"]) == (429, "900")
    there = {"X-Forwarded-For": elsewhere}
    assert APIClient().post(TOKEN, right, format="json", headers=there).status_code == 201
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert APIClient().post(TOKEN, right, format="json", headers=here).status_code == 201


def test_the_admin_counts_by_address_too(ann: User, client: Client, settings: Settings) -> None:
    settings.SIGN_IN_FAILURES_PER_ADDRESS = 3
    User.objects.update(is_staff=True)
    for number in range(2):
        wrong = {"username": f"user{number}", "password": WRONG}
        assert client.post("/admin/login/", wrong).status_code == 200
    assert client.post("/admin/login/", {"username": "b", "password": WRONG}).status_code == 429
    assert (
        client.post("/admin/login/", {"username": "ann", "password": PASSWORD}).status_code == 429
    )


def test_an_office_behind_one_address_goes_on(ann: User, settings: Settings) -> None:
    settings.SIGN_IN_FAILURES_PER_ADDRESS = 10
    settings.SIGN_IN_RATE_PER_ACCOUNT = 0
    for _ in range(20):  # a program with an old password
        sign_in("robot", WRONG)
    for _ in range(4):  # forgetful, and successful in the end
        for _ in range(3):
            assert sign_in("ann", WRONG).status_code == 400
        assert sign_in().status_code == 201
    assert sign_in("robot", WRONG).status_code == 429
    settings.SIGN_IN_FAILURES_PER_ADDRESS = 0
    assert [sign_in(f"user{n}", WRONG).status_code for n in range(12)] == [400] * 12


def test_a_token_goes_on_where_an_address_is_locked_out(ann: User, settings: Settings) -> None:
    settings.SIGN_IN_FAILURES_PER_ADDRESS = 1
    api = signed_in(ann, Scope.READ)
    assert sign_in("bob", WRONG).status_code == 429
    assert sign_in().status_code == 429
    assert api.get("/api/v1/me").status_code == 200


def test_processes_count_together(fresh_counts: None) -> None:
    for number in (1, 2, 3):
        counters._client.cache_clear()  # as another process, which has a connection of its own
        assert counters.count("test", seconds=60)[0] == number


def test_no_answer_of_redis_keeps_nobody_out(
    ann: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    counters._client.cache_clear()
    monkeypatch.setattr(counters._Health, "closed_until", 0.0)
    try:
        assert sign_in().status_code == 201
        assert counters._Health.closed_until > 0
    finally:
        counters._client.cache_clear()


@pytest.mark.parametrize(("limit", "status"), [(3, 429), (0, 200)])
def test_requests_of_one_caller_are_counted(
    cast: Cast, settings: Settings, limit: int, status: int
) -> None:
    settings.API_RATE_PER_MINUTE = limit
    for _ in range(3):
        assert cast.owner.api.get("/api/v1/me").status_code == 200
    answer = cast.owner.api.get("/api/v1/me")
    assert answer.status_code == status
    assert cast.outsider.api.get("/api/v1/me").status_code == 200


def test_session_has_no_token_to_revoke(cast: Cast) -> None:
    api = APIClient()
    api.force_login(cast.owner.user)
    assert api.get("/api/v1/me").json()["username"] == "owner"
    response = api.delete(TOKEN)
    assert (response.status_code, response.json()["code"]) == (400, "no_token")
    assert AccessToken.objects.count() == 4


def test_anonymous_has_neither(db: None) -> None:
    assert APIClient().get("/api/v1/me").status_code == 401
    assert APIClient().delete(TOKEN).status_code == 401


def test_a_token_asks_no_csrf_token_of_a_session(ann: User) -> None:
    api = APIClient(enforce_csrf_checks=True)
    api.force_login(ann)
    body = {"username": "ann", "password": PASSWORD}
    assert api.post(TOKEN, body, format="json").status_code == 201
