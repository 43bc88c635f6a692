"""The table of URLs and verdicts, and the addresses behind them. Nothing here uses the network."""

from __future__ import annotations

import ipaddress
import json
from ipaddress import ip_address
from pathlib import Path

import pytest

from core.http.addresses import Address, fault, parse_network, special
from core.http.errors import AddressRefused, HostRefused, HttpError, UrlRefused
from core.http.hosts import parse_host
from core.http.network import Deadline, checked_addresses
from core.http.policy import Policy
from core.http.targets import parse_target

TABLE = Path(__file__).parents[1] / "ssrf_urls.json"
ROWS: list[tuple[str, str, str, str]] = [tuple(row) for row in json.loads(TABLE.read_text())]
VERDICTS: dict[str, type[HttpError] | None] = {
    "url": UrlRefused,
    "host": HostRefused,
    "address": AddressRefused,
    "allow": None,
}
PUBLIC = Policy(hosts=(parse_host("*"),))


def verdict(url: str, found: str, policy: Policy = PUBLIC) -> type[HttpError] | None:
    """What becomes of a URL whose name resolves to these addresses."""
    asked = []

    def resolver(name: str, port: int) -> list[Address]:
        asked.append(name)
        return [ip_address(text) for text in found.split()]

    try:
        target = parse_target(url)
        deadline = Deadline(30)
        checked = checked_addresses(target, policy=policy, resolver=resolver, deadline=deadline)
    except HttpError as error:
        return type(error)
    assert checked
    assert asked == ([] if target.address else [target.host])
    return None


@pytest.mark.parametrize(("expected", "url", "found", "why"), ROWS)
def test_url(expected: str, url: str, found: str, why: str) -> None:
    assert verdict(url, found) is VERDICTS[expected], why


def test_table_is_large_and_has_no_row_twice() -> None:
    assert len(ROWS) >= 300
    assert len({(url, found) for _, url, found, _ in ROWS}) == len(ROWS)


@pytest.mark.parametrize("position", [0, 1, 250, 3000, 65000, 2**24 - 1])
def test_no_address_that_python_holds_for_special_is_public(position: int) -> None:
    """A second opinion on the table of addresses, network by network."""
    for block in range(256):
        address = ip_address((block << 24) + position)
        if not address.is_global or address.is_multicast:
            assert special(address), address
    for block in range(0, 1 << 16, 64):
        wide = ipaddress.IPv6Address((block << 112) + position)
        if not wide.is_global or wide.is_multicast:
            assert special(wide), wide


@pytest.mark.parametrize(
    ("network", "address", "open_"),
    [
        ("10.20.0.0/16", "10.20.1.1", True),
        ("10.20.0.0/16", "10.21.1.1", False),
        ("10.20.0.0/16", "::ffff:10.20.1.1", False),
        ("127.0.0.0/8", "127.0.0.1", True),
        ("::1/128", "::1", True),
        ("fd00::/16", "fd00::1", True),
        ("fd00::/16", "fd00:ec2::254", False),
        ("100.64.0.0/10", "100.64.0.1", True),
        ("100.64.0.0/10", "100.100.100.200", False),
        ("169.254.0.0/16", "169.254.10.10", False),
        ("168.63.129.0/24", "168.63.129.16", False),
        ("fe80::/16", "fe80::1", False),
        ("64:ff9b::/96", "64:ff9b::808:808", True),
        ("64:ff9b::/96", "64:ff9b::a00:1", False),
        ("64:ff9b::/96", "64:ff9b::a9fe:a9fe", False),
        ("64:ff9b:1::/48", "64:ff9b:1::808:808", False),
        ("::ffff:0:0/96", "::ffff:8.8.8.8", True),
        ("::ffff:0:0/96", "::ffff:127.0.0.1", False),
        ("2002::/16", "2002:808:808::1", True),
        ("2002::/16", "2002:a00:1::1", False),
        ("2001::/32", "2001:0:808:808:8000:63bf:f7f7:f7f7", True),
        ("2001::/32", "2001:0:808:808:8000:63bf:80ff:fffe", False),
        ("2001::/32", "2001:0:a00:1:8000:63bf:f7f7:f7f7", False),
    ],
)
def test_networks_that_a_deployment_opens(network: str, address: str, open_: bool) -> None:
    assert (fault(ip_address(address), [parse_network(network)]) is None) is open_


def test_both_of_carrier_and_carried_may_be_opened() -> None:
    opened = [parse_network("64:ff9b::/96"), parse_network("10.0.0.0/8")]
    assert fault(ip_address("64:ff9b::a00:1"), opened) is None


@pytest.mark.parametrize("text", ["0.0.0.0/0", "0.0.0.0/7", "::/0", "fc00::/7", "10.0.0.1/8", "x"])
def test_networks_that_are_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse_network(text)


@pytest.mark.parametrize(
    "text", ["", "*.", "a b", "*:0", "ftp://x", "http://a.example/path", "a.example:65536", "[x]"]
)
def test_host_patterns_that_are_none(text: str) -> None:
    with pytest.raises(ValueError):
        parse_host(text)


@pytest.mark.parametrize(
    ("pattern", "url", "fits"),
    [
        ("*", "https://a.example/", True),
        ("*", "https://93.184.216.34/", True),
        ("*", "https://intranet/", False),
        ("*", "https://a.example:8443/", False),
        ("*:8443", "https://a.example:8443/", True),
        ("*:8443", "https://a.example/", False),
        ("a.example", "https://a.example/", True),
        ("A.Example", "https://a.example/", True),
        ("a.example", "http://a.example/", True),
        ("a.example", "https://b.a.example/", False),
        ("a.example", "https://a.example.org/", False),
        ("a.example", "https://xa.example/", False),
        ("a.example", "https://a.example:8443/", False),
        ("a.example:8443", "https://a.example:8443/", True),
        ("a.example:*", "https://a.example:8443/", True),
        ("a.example:*", "https://b.example:8443/", False),
        ("https://a.example", "https://a.example/", True),
        ("https://a.example", "http://a.example/", False),
        ("http://a.example", "http://a.example/", True),
        ("*.a.example", "https://b.a.example/", True),
        ("*.a.example", "https://c.b.a.example/", True),
        ("*.a.example", "https://a.example/", False),
        ("*.a.example", "https://xa.example/", False),
        ("*.0.0.1", "https://127.0.0.1/", False),
        ("intranet", "https://intranet/", True),
        ("10.0.0.1:8080", "http://10.0.0.1:8080/", True),
        ("[fd00::1]:8080", "http://[fd00:0::1]:8080/", True),
        ("[FD00:0::1]", "http://[fd00::1]/", True),
    ],
)
def test_host_pattern(pattern: str, url: str, fits: bool) -> None:
    assert parse_host(pattern).fits(parse_target(url)) is fits


@pytest.mark.parametrize(
    ("expected", "url", "found"),
    [
        ("allow", "http://crm.internal:8080/", "10.20.0.5"),
        ("allow", "https://api.example.com/", "93.184.216.34"),
        ("allow", "https://api.example.com/", "10.20.0.5"),
        ("host", "https://other.example.com/", "93.184.216.34"),
        ("host", "http://10.20.0.5/", ""),
        ("host", "http://crm.internal/", "10.20.0.5"),
        ("address", "http://crm.internal:8080/", "10.21.0.5"),
        ("address", "http://crm.internal:8080/", "10.20.0.5 10.21.0.5"),
        ("address", "http://crm.internal:8080/", "169.254.169.254"),
    ],
)
def test_a_deployment_with_a_list(expected: str, url: str, found: str) -> None:
    policy = Policy(
        hosts=(parse_host("api.example.com"), parse_host("crm.internal:8080")),
        networks=(parse_network("10.20.0.0/16"),),
    )
    assert verdict(url, found, policy) is VERDICTS[expected]
