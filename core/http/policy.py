"""What a deployment allows steps to call: HTTP_ALLOWED_HOSTS and HTTP_ALLOWED_NETWORKS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings

from core.http import addresses
from core.http.addresses import Address, Network, parse_network
from core.http.errors import AddressRefused, HostRefused
from core.http.hosts import HostPattern, parse_host
from core.http.targets import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Which hosts steps may call, and which inside networks besides public addresses."""

    hosts: tuple[HostPattern, ...]
    networks: tuple[Network, ...] = ()

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


@lru_cache(maxsize=8)
def _policy(hosts: tuple[str, ...], networks: tuple[str, ...]) -> Policy:
    return Policy(
        hosts=tuple(parse_host(text) for text in hosts),
        networks=tuple(parse_network(text) for text in networks),
    )
