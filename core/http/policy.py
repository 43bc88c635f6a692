"""What a deployment allows steps to call: HTTP_ALLOWED_HOSTS and HTTP_ALLOWED_NETWORKS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from django.conf import settings
from publicsuffixlist import PublicSuffixList

from core.http import addresses
from core.http.addresses import Address, Network, parse_network
from core.http.errors import AddressRefused, HostRefused, RequestRefused
from core.http.hosts import HostPattern, parse_host
from core.http.targets import Target, parse_target

_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Which hosts steps may call, and which inside networks besides public addresses."""

    hosts: tuple[HostPattern, ...]
    networks: tuple[Network, ...] = ()

    def check(self, target: Target) -> None:
        """Says what can be said before any name is resolved. Raises HostRefused, AddressRefused."""
        self.check_host(target)
        self.check_known_address(target)

    def check_known_address(self, target: Target) -> None:
        """Raises AddressRefused where the host is an address that is not open, or localhost."""
        if target.address is not None:
            self.check_addresses(target, [target.address])
            return
        local = target.host == "localhost" or target.host.endswith(".localhost")
        if local and all(addresses.fault(each, self.networks) for each in _LOOPBACK):
            self.check_addresses(target, _LOOPBACK)

    def secret_host_fault(self, pattern: HostPattern) -> str | None:
        """Why no secret may be kept for the hosts that a pattern means, or None."""
        host = pattern.host
        if host == "*":
            return "a secret goes to hosts that are named, not to all"
        try:
            name = host.removeprefix("*.")
            target = parse_target(f"https://[{name}]/" if ":" in name else f"https://{name}/")
            self.check_known_address(target)
        except RequestRefused as error:
            return f"no step may call '{host}': {error.message}"
        if host.startswith("*.") and _public_suffixes().is_public(target.host):
            return f"the names below '{target.host}' belong to many: name a domain, *.example.com"
        return None

    def check_host(self, target: Target) -> None:
        """Raises HostRefused where no pattern fits."""
        if not any(pattern.fits(target) for pattern in self.hosts):
            raise HostRefused(
                f"This deployment does not allow steps to call {target.origin}"
                " (HTTP_ALLOWED_HOSTS)."
            )

    def check_addresses(self, target: Target, found: Sequence[Address]) -> None:
        """Raises AddressRefused where any of the host's addresses is not open."""
        for address in found:
            if (kind := addresses.fault(address, self.networks)) is not None:
                # The address is not shown: names would become a way to map the inside.
                raise AddressRefused(
                    f"{target.origin} is not on the public internet: its address is {kind}."
                )


def current_policy() -> Policy:
    """The policy that the settings describe."""
    return _policy(tuple(settings.HTTP_ALLOWED_HOSTS), tuple(settings.HTTP_ALLOWED_NETWORKS))


@lru_cache(maxsize=1)
def _public_suffixes() -> PublicSuffixList:
    # The list of publicsuffix.org as the package brings it; what it does not know is one label.
    return PublicSuffixList()


@lru_cache(maxsize=8)
def _policy(hosts: tuple[str, ...], networks: tuple[str, ...]) -> Policy:
    return Policy(
        hosts=tuple(parse_host(text) for text in hosts),
        networks=tuple(parse_network(text) for text in networks),
    )
