"""Patterns of hosts, for the deployment's allow-list and for the hosts of a secret. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from core.http.targets import Target

OPEN_PORTS = frozenset({80, 443})
_HOST = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>\*|\[[0-9a-fA-F:.]+\]|(?:\*\.)?[A-Za-z0-9._-]+)"
    r"(?::(?P<port>\*|[1-9][0-9]{0,4}))?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HostPattern:
    """`host`, `*.domain` (what lies below it) or `*`, with or without a scheme and a port.

    Without a port it fits 80 and 443; `:*` is any. The host `*` fits names with a dot and
    addresses: a name without one is completed by the machine's own search list, so it means an
    inside.
    """

    scheme: str | None
    host: str
    ports: frozenset[int] | None

    def fits(self, target: Target) -> bool:
        """Whether the pattern means this target."""
        if self.scheme is not None and self.scheme != target.scheme:
            return False
        if self.ports is not None and target.port not in self.ports:
            return False
        if self.host == "*":
            return target.address is not None or "." in target.host
        if self.host.startswith("*."):
            return target.address is None and target.host.endswith(self.host[1:])
        return self.host == target.host


def parse_host(text: str) -> HostPattern:
    """The pattern that a text is. Raises ValueError."""
    match = _HOST.fullmatch(text)
    port = match["port"] if match else None
    if match is None or (port not in (None, "*") and int(port) > 65535):
        raise ValueError(f"'{text[:80]}' is not a host: api.example.com, *.example.com, host:8080")
    host = match["host"].lower()
    if host.startswith("["):
        host = str(ip_address(host[1:-1]))
    ports = OPEN_PORTS if port is None else None if port == "*" else frozenset({int(port)})
    return HostPattern(scheme=match["scheme"], host=host, ports=ports)
