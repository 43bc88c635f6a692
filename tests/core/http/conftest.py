from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from pytest_django import Settings

from core.http import client, network
from core.http.addresses import Address
from core.http.messages import HttpAnswer, HttpRequest
from tests.support.web import Web, serving

Names = dict[str, list[str]]
Ask = Callable[..., HttpAnswer]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """What names resolve to: each list is one answer's addresses, by blanks; the last stays."""
    table: Names = {}

    def resolver(name: str, port: int) -> list[Address]:
        answers = table[name]
        text = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ip_address(each) for each in text.split()]

    monkeypatch.setattr(network, "resolve", resolver)
    return table


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as server:
        yield server


@pytest.fixture
def ask(settings: Settings) -> Ask:
    """Sends a request, where one may go to this machine on any port that the settings name."""
    settings.HTTP_ALLOWED_HOSTS = ["*:*"]
    settings.HTTP_ALLOWED_NETWORKS = ["127.0.0.1/32", "::1/128"]
    settings.HTTP_TIMEOUT_SECONDS = 10.0
    settings.HTTP_CA_FILE = ""

    def ask(url: str, method: str = "GET", *, secrets: Any = None, **fields: Any) -> HttpAnswer:
        fields = {"timeout": 5.0, "max_bytes": 100_000, **fields}
        return client.send(HttpRequest(method=method, url=url, **fields), secrets=secrets)

    return ask
