"""Which addresses are public: everything else is an inside that no URL may name. Pure.

From the IANA registries of special-purpose addresses and not from `ipaddress`, whose answers
differ between Python releases. An IPv6 address is public only inside 2000::/3.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL: dict[str, tuple[str, ...]] = {
    # Clouds hand out machine credentials at these; two of them are not even private.
    "a metadata address": (
        "169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "100.100.100.200/32",
        "168.63.129.16/32", "192.0.0.192/32", "fd00:ec2::254/128", "fd00:ec2::23/128",
        "fd20:ce::254/128", "fe80::a9fe:a9fe/128",
    ),
    "unspecified": ("0.0.0.0/8", "::/128"),
    "loopback": ("127.0.0.0/8", "::1/128"),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "private": (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10",
    ),
    "for documentation": (
        "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20",
    ),
    "IPv4 inside IPv6": (
        "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48",
        "2001::/32", "2002::/16",
    ),
    "reserved": (
        "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "2001::/23", "3ffe::/16",
    ),
}  # fmt: skip
_TABLE = [(ip_network(text), kind) for kind, nets in _SPECIAL.items() for text in nets]
_WIDEST = {4: 8, 6: 16}  # prefix lengths of networks that may be opened
_GLOBAL_IPV6 = IPv6Network("2000::/3")
# No allow-list opens these: nothing that a workflow may call lives there.
_NEVER = {"a metadata address", "unspecified", "link-local", "multicast"}
# Where an IPv6 address carries an IPv4 one: by how many bits it is shifted, and what it is XORed
# with. Teredo carries its server's address too; local-use NAT64 may carry one in several places.
_EMBEDDED: list[tuple[IPv6Network, tuple[tuple[int, int], ...]]] = [
    (IPv6Network("::/96"), ((0, 0),)),
    (IPv6Network("::ffff:0:0/96"), ((0, 0),)),
    (IPv6Network("::ffff:0:0:0/96"), ((0, 0),)),
    (IPv6Network("64:ff9b::/96"), ((0, 0),)),
    (IPv6Network("2002::/16"), ((80, 0),)),
    (IPv6Network("2001::/32"), ((64, 0), (0, 0xFFFFFFFF))),
]
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_ISATAP = {0x00005EFE, 0x02005EFE}


def parse_network(text: str) -> Network:
    """The network that a text is, such as 10.20.0.0/16. Raises ValueError."""
    network = ip_network(text)
    if network.prefixlen < _WIDEST[network.version]:
        raise ValueError(f"'{text}' is too wide: it would open most of the inside at once")
    return network


def special(address: Address) -> str | None:
    """What kind of address it is, where it is not a public one: "private", "loopback" ..."""
    for network, kind in _TABLE:
        if address.version == network.version and address in network:
            return kind
    if isinstance(address, IPv6Address):
        if address not in _GLOBAL_IPV6:
            return "reserved"
        if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
            return "IPv4 inside IPv6"
    return None


def fault(address: Address, networks: Sequence[Network] = ()) -> str | None:
    """Why no connection to this address may be made, or None.

    Args:
        networks: inside networks that the deployment opens. An IPv6 address that carries an IPv4
            one is open only where both are; metadata, link-local and multicast never are.
    """
    kind = special(address)
    if kind is None:
        return None
    opened = any(address.version == each.version and address in each for each in networks)
    if not opened or kind in _NEVER:
        return kind
    if isinstance(address, IPv6Address):
        if address in _LOCAL_NAT64 or (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
            return kind
        for carried in _carried(address):
            if (inner := fault(carried, networks)) is not None:
                return inner
    return None


def _carried(address: IPv6Address) -> list[IPv4Address]:
    # ::1 is loopback and carries nothing, although it lies in ::/96.
    if address.is_loopback:
        return []
    return [
        IPv4Address((int(address) >> shift) & 0xFFFFFFFF ^ mask)
        for network, places in _EMBEDDED
        if address in network
        for shift, mask in places
    ]
