"""Which addresses may be connected to: public ones, and those that the operator allows by name.

A website's name is anybody's to point anywhere. What it resolves to is therefore checked against the special
purposes that IANA registers for addresses (IPv4 and IPv6 Special-Purpose Address Registries), written out
here: ``ipaddress.is_global`` differs between Python releases and lets embedded IPv4 addresses through.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from sales_agent_dagster.domain.errors import ConfigurationError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORTS = frozenset({80, 443})

_CLOSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata server
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's platform server: public by number, reachable from inside only
        "169.254.0.0/16",  # link-local; the metadata servers of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata server
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; broadcast
    )
)
_OPEN_V6 = IPv6Network("2000::/3")
"""The only global unicast space there is. Outside it: loopback, link-local, unique local, multicast, and
IPv4 addresses in disguise (``::ffff:0:0/96`` mapped, ``64:ff9b::/96`` NAT64)."""
_CLOSED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo tunnels to IPv4 addresses, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation
    )
)


class Endpoint(NamedTuple):
    """What a connection goes to: an address and a port."""

    address: Address
    port: int


def is_public(address: Address) -> bool:
    """True for addresses on the public internet that are no IPv4 address in disguise."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    return (
        address.scope_id is None
        and address in _OPEN_V6
        and not any(address in network for network in _CLOSED_V6)
    )


@dataclass(frozen=True, slots=True)
class AllowList:
    """Networks that may be reached although they are not public.

    Attributes:
        networks: each with the port it is for, or None for ports 80 and 443.
    """

    networks: tuple[tuple[Network, int | None], ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> AllowList:
        """From ``10.1.0.0/16``, ``10.1.2.3:8080``, ``fd00:1::/32`` or ``[fd00:1::/32]:8080``.

        Raises:
            ConfigurationError: an entry is none of these.
        """
        return cls(tuple(_parsed(entry) for entry in entries))

    def allows(self, endpoint: Endpoint) -> bool:
        """True when an entry covers the address and the port."""
        address, wanted = endpoint
        return any(
            address in network and (wanted in PORTS if port is None else wanted == port)
            for network, port in self.networks
        )

    def names_port(self, port: int) -> bool:
        """True when an entry is for this port: addresses with it are worth resolving."""
        return any(own == port for _, own in self.networks)


def may_reach(endpoint: Endpoint, allowed: AllowList) -> bool:
    """True when a connection to the endpoint may be made."""
    return (endpoint.port in PORTS and is_public(endpoint.address)) or allowed.allows(endpoint)


def read_literal(text: str) -> Address | None:
    """The address that a text is, in its one standard form; None for names and for anything else."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _parsed(entry: str) -> tuple[Network, int | None]:
    text, port = entry.strip(), ""
    if text.startswith("["):
        text, _, port = text[1:].partition("]:")
        text = text.removesuffix("]")
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
    try:
        number = int(port) if port else None
        if number is not None and not 0 < number < 65536:
            raise ValueError(f"no such port: {port}")
        return ip_network(text), number
    except ValueError as error:
        raise ConfigurationError(
            f"{entry!r} in the website settings' allowed_networks is no network such as 10.1.0.0/16 or "
            f"10.1.2.3:8080: {error}"
        ) from None
