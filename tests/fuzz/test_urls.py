"""URLs spelt in every way: no connection to an inside, and no two readings of one URL."""

from __future__ import annotations

import json
import logging
import random
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from core.http import client
from core.http.addresses import Address, special
from core.http.errors import HttpError
from core.http.messages import HttpRequest
from core.http.targets import parse_target

ROWS: list[list[str]] = json.loads(
    (Path(__file__).parents[1] / "core" / "ssrf_urls.json").read_text()
)
_STUFFING = [
    "@",
    ":",
    "#",
    "?",
    "/",
    "\\",
    ".",
    "%",
    "%2e",
    "%00",
    "\t",
    "\r\n",
    " ",
    "[",
    "]",
    "0x",
]
_STUFFING += [
    "0",
    "127.0.0.1",
    "::1",
    "localhost",
    "user:pw@",
    "//",
    "http://",
    "é",
    "。",
    "\uff0e",
    "\u200b",
]
_STUFFING += [
    "①",
    "ﬀ",
    "ß",
    "😀",
    "-",
    "_",
    "*",
    "169.254.169.254",
    "&",
    ";",
    ",",
    "file://",
    "a.example",
]


class Connected(OSError):
    """Raised where a connection would begin; the test then knows where to."""


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[list[str]]:
    """The addresses to which connections were begun; none is made."""
    made: list[str] = []
    monkeypatch.setattr(logging.getLogger("core.http.client"), "disabled", True)

    def connect(connection: socket.socket, address: tuple[str, int]) -> None:
        made.append(address[0])
        raise Connected("no network here")

    monkeypatch.setattr("core.http.network.socket.socket.connect", connect)
    settings.HTTP_ALLOWED_HOSTS = ["*"]
    settings.HTTP_ALLOWED_NETWORKS = []
    yield made
    assert [each for each in made if special(ip_address(each))] == []


def send(url: str, found: str) -> str:
    """The code of what becomes of a request to this URL."""

    def resolver(name: str, port: int) -> list[Address]:
        return [ip_address(text) for text in found.split()]

    request = HttpRequest(method="GET", url=url, timeout=20, max_bytes=1000)
    with pytest.raises(HttpError) as raised:
        client.send(request, resolver=resolver)
    return raised.value.code


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[3])
def test_the_whole_way(row: list[str], connections: list[str]) -> None:
    expected, url, found, _ = row
    code = send(url, found)
    if expected == "allow":
        assert code == "http_connection_failed"
        assert set(connections) <= set(found.split()) | {str(parse_target(url).address)}
        assert connections
    else:
        assert code == f"http_{expected}_refused"
        assert connections == []


def mutated(source: random.Random, url: str) -> str:
    """A URL with a few parts inserted, cut, doubled or in another case."""
    for _ in range(source.randrange(1, 4)):
        place = source.randrange(len(url) + 1)
        match source.randrange(5):
            case 0 | 1:
                url = url[:place] + source.choice(_STUFFING) + url[place:]
            case 2:
                url = url[:place] + url[place + source.randrange(1, 3) :]
            case 3:
                url = url[:place] + source.choice(ROWS)[1][:40] + url[place:]
            case _:
                url = url[:place] + url[place:].swapcase()
    return url


@pytest.mark.timeout(1800)
def test_mutations(
    fuzz: random.Random, amount: Callable[[int], int], connections: list[str]
) -> None:
    """Names resolve to the inside and to the outside: only the outside is ever called."""
    reached = 0
    for _ in range(amount(50_000)):
        url = mutated(fuzz, fuzz.choice(ROWS)[1])
        found = fuzz.choice(["127.0.0.1", "10.0.0.1", "::1", "93.184.216.34", "2606:2800:220:1::1"])
        before = len(connections)
        code = send(url, found)
        assert code.startswith("http_"), (url, code)
        if len(connections) == before:
            continue
        reached += 1
        # What another reader takes for the host is the host that was checked.
        target = parse_target(url)
        if url.isascii():
            host = (urlsplit(url).hostname or "").lower()
            assert (str(ip_address(host)) if ":" in host else host) == target.host, url
            assert (urlsplit(url).port or target.port) == target.port, url
    assert reached > amount(50_000) / 100
