from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from core.http import client, network
from core.http.addresses import Address
from core.http.messages import HttpAnswer, HttpRequest

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
def ask(calls_inside: None) -> Ask:
    """Sends a request, where one may go to this machine on any port."""

    def ask(url: str, method: str = "GET", *, secrets: Any = None, **fields: Any) -> HttpAnswer:
        fields = {"timeout": 5.0, "max_bytes": 100_000, **fields}
        return client.send(HttpRequest(method=method, url=url, **fields), secrets=secrets)

    return ask
