from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings


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


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["unix:///nowhere.sock", "redis://127.0.0.1:1/0"])
def test_not_ready_without_the_broker(client: Client, settings: Settings, url: str) -> None:
    settings.REDIS_URL = url
    started = time.monotonic()
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json() == {"status": "unavailable", "database": "ok", "broker": "unavailable"}
    assert time.monotonic() - started < 4


@pytest.mark.django_db
def test_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["database"] == "unavailable"


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_only_reading(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
