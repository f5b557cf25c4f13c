"""Only public addresses are public, whatever they are disguised as."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.fetching.addresses import (
    AllowList,
    Endpoint,
    is_public,
    may_reach,
    read_literal,
)

# fmt: off
CLOSED = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1",
    "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
    "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:db8::1",
    "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254",
    "fe80::1", "fec0::1", "ff02::1", "fe80::1%eth0", "2606:4700::1%eth0",
)
OPEN = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.0", "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "3ffe::1",
)
# fmt: on


@pytest.mark.parametrize("text", CLOSED)
def test_no_address_with_another_purpose_is_public(text: str):
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", OPEN)
def test_addresses_beside_the_closed_networks_are_public(text: str):
    assert is_public(ip_address(text))


@settings(max_examples=60)
@given(st.ip_addresses())
def test_what_is_public_is_global_unicast_for_the_standard_library_too(address: IPv4Address | IPv6Address):
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved
        assert not address.is_link_local


@settings(max_examples=40)
@given(st.ip_addresses(v=4))
def test_no_disguise_makes_an_address_public(address: IPv4Address):
    number = int(address)
    disguises = [
        IPv6Address(number),
        IPv6Address(0xFFFF_0000_0000 + number),
        IPv6Address((0x0064_FF9B << 96) + number),
        IPv6Address((0x2002 << 112) + (number << 80)),
        IPv6Address((0x2001_0000 << 96) + (number ^ 0xFFFFFFFF)),
    ]
    assert not any(map(is_public, disguises))


@pytest.mark.parametrize("port", [22, 25, 81, 6379, 8080, 8443])
def test_other_ports_than_those_of_websites_are_closed(port: int):
    assert not may_reach(Endpoint(ip_address("8.8.8.8"), port), AllowList())


@pytest.mark.parametrize("port", [80, 443])
def test_public_addresses_are_open_on_the_ports_of_websites(port: int):
    assert may_reach(Endpoint(ip_address("8.8.8.8"), port), AllowList())


@pytest.mark.parametrize(
    ("entry", "endpoint", "reached"),
    [
        ("10.1.0.0/16", ("10.1.2.3", 443), True),
        ("10.1.0.0/16", ("10.1.2.3", 8080), False),
        ("10.1.0.0/16", ("10.2.2.3", 443), False),
        ("10.1.2.3:8080", ("10.1.2.3", 8080), True),
        ("10.1.2.3:8080", ("10.1.2.3", 80), False),
        ("10.1.2.0/24:8080", ("10.1.2.9", 8080), True),
        ("fd00:1::/32", ("fd00:1::5", 80), True),
        ("[fd00:1::/32]:8080", ("fd00:1::5", 8080), True),
        ("[fd00:1::/32]:8080", ("fd00:1::5", 80), False),
        ("8.8.8.8:53", ("8.8.8.8", 53), True),
        ("127.0.0.1:8080", ("::ffff:127.0.0.1", 8080), False),
    ],
)
def test_allow_list_opens_what_it_names_and_nothing_else(
    entry: str, endpoint: tuple[str, int], reached: bool
):
    address, port = endpoint
    assert may_reach(Endpoint(ip_address(address), port), AllowList.parse([entry])) is reached


def test_ports_of_the_allow_list_are_known():
    allowed = AllowList.parse(["10.1.2.3:8080", "10.0.0.0/8"])
    assert [allowed.names_port(port) for port in (8080, 80, 81)] == [True, False, False]


@pytest.mark.parametrize(
    "entry", ["", "intranet", "10.1.2.3/16", "10.1.2.3:0", "10.1.2.3:99999", "10.1.2.3:http", "10.1.2.300"]
)
def test_wrong_entries_are_refused_with_what_to_write(entry: str):
    with pytest.raises(ConfigurationError, match=r"allowed_networks is no network such as 10\.1\.0\.0/16"):
        AllowList.parse([entry])


@pytest.mark.parametrize(
    "text", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.0.0.01", "example.com", ""]
)
def test_only_the_standard_notation_is_an_address(text: str):
    assert read_literal(text) is None
