"""URL -> the host, port and path that it means, or why it means none. Pure.

One parser (httpx2's) gives the host that is resolved, checked, connected to and named in the TLS
handshake, so that no two readings of a URL can differ. What other programs read in another way is
refused here: userinfo, backslashes, odd ports, and every odd spelling of an IP address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import httpx2

from core.http.addresses import Address
from core.http.errors import UrlRefused

MAX_LENGTH = 8_000
DEFAULT_PORTS = {"http": 80, "https": 443}

_START = re.compile(r"(https?)://([^/?#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]+)(?::([1-9][0-9]{0,4}))?", re.ASCII)
_UNSEEN = re.compile(r"[\x00-\x20\x7f\\]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
# The last label of an address that is spelt in another way: 127.1, 0x7f.0.0.1, 2130706433, 0177.1.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where a request goes.

    Attributes:
        host: a name in lower case (IDNA), or an address without brackets.
        address: the host where it is an address.
        path: path and query, as sent. Shown nowhere, since it may hold a secret.
    """

    scheme: str
    host: str
    port: int
    address: Address | None
    path: bytes
    url: httpx2.URL

    @property
    def netloc(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what an error may show."""
        return f"{self.scheme}://{self.netloc}"


def parse_target(url: str) -> Target:
    """What a URL means. Raises UrlRefused, whose message does not repeat the URL."""
    if len(url) > MAX_LENGTH:
        raise UrlRefused(f"The URL has more than {MAX_LENGTH:,} characters.")
    if _UNSEEN.search(url):
        raise UrlRefused("The URL holds white space, a control character or a backslash.")
    start = _START.match(url)
    if start is None:
        raise UrlRefused("A URL starts with http:// or https:// and names a host.")
    if "@" in start[2]:
        raise UrlRefused("A URL holds no user name or password; use a header with a secret.")
    authority = _AUTHORITY.fullmatch(start[2])
    if authority is None:
        raise UrlRefused("The URL's host or port is not written as it should be.")
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError):
        raise UrlRefused("The URL is not a valid one.") from None
    scheme, host = parsed.scheme, parsed.raw_host.decode("ascii")
    port = int(authority[2] or DEFAULT_PORTS[scheme])
    if port > 65535:
        raise UrlRefused("The URL's port is beyond 65535.")
    address = _address(host, bracketed=authority[1].startswith("["))
    return Target(
        scheme=scheme,
        host=host if address is None else str(address),
        port=port,
        address=address,
        path=parsed.raw_path,
        url=parsed,
    )


def _address(host: str, *, bracketed: bool) -> Address | None:
    """The address that the host is, or None for a name. Raises UrlRefused."""
    if bracketed:
        if "%" in host:
            raise UrlRefused("An address in a URL has no zone.")
        try:
            return IPv6Address(host)
        except AddressValueError:
            raise UrlRefused("The address in brackets is not an IPv6 address.") from None
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return IPv4Address(host)
        except AddressValueError:
            raise UrlRefused("An IPv4 address is written as four decimal numbers.") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlRefused("The URL's host is not a valid name.")
    return None
