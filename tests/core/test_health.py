from __future__ import annotations

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from core import health
from core.health import Part


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.mark.django_db
def test_live_asks_nobody(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        response = client.get("/health/live")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_ready_where_everything_answers(client: Client) -> None:
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "broker": "ok"}


@pytest.mark.timeout(60)
@pytest.mark.django_db
@pytest.mark.parametrize("url", ["unix:///nowhere.sock", "redis://127.0.0.1:1/0"])
def test_not_ready_without_the_broker(client: Client, settings: Settings, url: str) -> None:
    settings.REDIS_URL = url
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "ok", "broker": "unavailable"}


@pytest.mark.django_db
def test_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["database"] == "unavailable"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, health.Check]:
    """What apps have registered, instead of what they really have."""
    registered: dict[str, health.Check] = {}
    monkeypatch.setattr(health, "_checks", registered)
    return registered


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ok", "needed", "status", "code"),
    [
        (True, True, "ok", 200),
        (False, False, "degraded", 200),
        (False, True, "unavailable", 503),
    ],
)
def test_health_counts_the_parts_that_runs_need(
    client: Client,
    parts: dict[str, health.Check],
    ok: bool,
    needed: bool,
    status: str,
    code: int,
) -> None:
    health.register(
        "engine", lambda: Part(ok=ok, age_seconds=1.5, needed=needed, details={"cylinders": 8})
    )
    response = client.get("/health")
    found = response.json()
    assert (response.status_code, found["status"]) == (code, status)
    assert found["parts"]["web"] == {"state": "ok", "age_seconds": 0.0}
    assert found["parts"]["database"]["state"] == found["parts"]["broker"]["state"] == "ok"
    assert found["parts"]["engine"] == {
        "state": "ok" if ok else "down",
        "age_seconds": 1.5,
        "cylinders": 8,
    }
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_health_without_the_broker(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere.sock"
    response = client.get("/health")
    assert response.status_code == 503
    broker = response.json()["parts"]["broker"]
    assert (broker["state"], broker["age_seconds"]) == ("down", None)
    assert "nowhere" not in response.content.decode()


@pytest.mark.django_db
def test_health_without_the_database(
    client: Client, monkeypatch: pytest.MonkeyPatch, parts: dict[str, health.Check]
) -> None:
    def ask() -> Part:
        raise AssertionError("asked although the database is down")

    health.register("engine", ask)
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    response = client.get("/health")
    assert response.status_code == 503
    found = response.json()["parts"]
    assert (found["database"]["state"], found["engine"]["state"]) == ("down", "unknown")
    assert (found["web"]["state"], found["broker"]["state"]) == ("ok", "ok")


@pytest.mark.django_db
def test_health_where_a_part_cannot_be_read(client: Client, parts: dict[str, health.Check]) -> None:
    def ask() -> Part:
        raise OperationalError("server closed the connection at 10.0.0.1")

    health.register("engine", ask)
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json()["parts"]["engine"] == {"state": "unknown", "age_seconds": None}
    assert "10.0.0.1" not in response.content.decode()


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_only_reading(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
