"""Connections go to checked addresses and to nothing else, over real sockets."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import httpcore2
import pytest

from sales_agent_dagster.enrichment.fetching.addresses import AllowList, Endpoint
from sales_agent_dagster.enrichment.fetching.connecting import BoundedStream, CheckedBackend, _blamed
from sales_agent_dagster.enrichment.fetching.failures import OwnNetworkFailed, Reason, SiteFailed
from sales_agent_dagster.enrichment.fetching.resolving import SystemResolver
from sales_agent_dagster_tests.website_farm.raw import raw_server, says
from sales_agent_dagster_tests.website_farm.running import FarmResolver, RunningFarm

PRIVATE = Endpoint(ip_address("10.0.0.7"), 80)


def connect(farm: RunningFarm, resolver: FarmResolver, *hosts: str) -> list[Endpoint]:
    """Where connections to the hosts, in turn, ended up."""

    async def run() -> list[Endpoint]:
        backend = CheckedBackend(resolver, farm.allowed, 1000)
        peers = []
        for host in hosts:
            stream = await backend.connect_tcp(host, 80)
            address, port = stream.get_extra_info("server_addr")
            peers.append(Endpoint(ip_address(address), port))
            await stream.aclose()
        return peers

    return asyncio.run(run())


def refusal(work: Callable[[], object]) -> Reason:
    with pytest.raises(SiteFailed) as caught:
        work()
    return caught.value.reason


def test_a_name_is_connected_where_it_was_checked(farm: RunningFarm):
    resolver = farm.resolver()
    assert connect(farm, resolver, "firm-0001.example") == [resolver.farm]


def test_a_resolver_that_changes_its_answer_does_not_win(farm: RunningFarm):
    """DNS rebinding: harmless at the check, private afterwards."""
    resolver = farm.resolver()
    resolver.answers["rebound.example"] = [[resolver.farm], [PRIVATE]]
    assert connect(farm, resolver, "rebound.example", "rebound.example") == [resolver.farm] * 2
    assert resolver.asked == ["rebound.example"]


def test_a_later_visit_checks_again(farm: RunningFarm):
    resolver = farm.resolver()
    resolver.answers["rebound.example"] = [[resolver.farm], [PRIVATE]]
    connect(farm, resolver, "rebound.example")
    assert refusal(lambda: connect(farm, resolver, "rebound.example")) is Reason.FORBIDDEN


@pytest.mark.parametrize("place", [0, 1])
def test_one_forbidden_address_condemns_the_others(farm: RunningFarm, place: int):
    resolver = farm.resolver()
    answer = [resolver.farm]
    answer.insert(place, PRIVATE)
    resolver.answers["mixed.example"] = [answer]
    assert refusal(lambda: connect(farm, resolver, "mixed.example")) is Reason.FORBIDDEN


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
)
def test_addresses_given_as_such_are_checked_too(farm: RunningFarm, address: str):
    resolver = farm.resolver()
    assert refusal(lambda: connect(farm, resolver, address)) is Reason.FORBIDDEN
    assert resolver.asked == []


def test_a_name_without_address_is_unknown(farm: RunningFarm):
    resolver = farm.resolver()
    resolver.answers["empty.example"] = [[]]
    assert refusal(lambda: connect(farm, resolver, "empty.example")) is Reason.UNKNOWN_HOST


def test_the_next_address_is_tried_when_one_refuses(farm: RunningFarm):
    resolver = farm.resolver()

    async def closed_port() -> int:
        async with raw_server(says()) as endpoint:
            return endpoint.port

    closed = Endpoint(ip_address("127.0.0.1"), asyncio.run(closed_port()))
    resolver.answers["two.example"] = [[closed, resolver.farm]]
    resolver.answers["one.example"] = [[closed]]
    allowed = AllowList.parse([f"127.0.0.1:{closed.port}", f"127.0.0.1:{farm.port}"])

    async def run(host: str) -> int:
        stream = await CheckedBackend(resolver, allowed, 1000).connect_tcp(host, 80)
        port: int = stream.get_extra_info("server_addr")[1]
        await stream.aclose()
        return port

    assert asyncio.run(run("two.example")) == farm.port
    assert refusal(lambda: asyncio.run(run("one.example"))) is Reason.UNREACHABLE


def test_a_connection_that_ended_elsewhere_is_closed(farm: RunningFarm, monkeypatch: pytest.MonkeyPatch):
    resolver = farm.resolver()
    backend = httpcore2.AnyIOBackend
    connect_tcp = backend.connect_tcp
    streams = []

    async def elsewhere(self: object, host: str, port: int) -> httpcore2.AsyncNetworkStream:
        streams.append(await connect_tcp(self, "127.0.0.1", farm.port))
        return streams[-1]

    monkeypatch.setattr(backend, "connect_tcp", elsewhere)
    other = Endpoint(ip_address("127.0.0.2"), farm.port)
    resolver.answers["moved.example"] = [[other]]
    allowed = AllowList.parse([f"127.0.0.2:{farm.port}"])

    async def run() -> None:
        await CheckedBackend(resolver, allowed, 1000).connect_tcp("moved.example", 80)

    assert refusal(lambda: asyncio.run(run())) is Reason.FORBIDDEN
    assert len(streams) == 1


@pytest.mark.parametrize(
    "number",
    [
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EMFILE,
        errno.ENFILE,
        errno.EADDRNOTAVAIL,
        errno.ENOBUFS,
        errno.EACCES,
    ],
)
def test_what_the_machine_cannot_do_is_not_the_sites_fault(number: int):
    assert isinstance(_blamed([OSError(number, "no")]), OwnNetworkFailed)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "no"),
        OSError(errno.EHOSTUNREACH, "no"),
        TimeoutError(),
    ],
)
def test_what_the_site_does_is_its_fault(error: OSError):
    without_ipv6 = OSError(errno.ENETUNREACH, "no")
    for failures in ([error], [error, without_ipv6], [without_ipv6, error]):
        blamed = _blamed(failures)
        assert isinstance(blamed, SiteFailed)
        assert blamed.reason is Reason.UNREACHABLE


class Network:
    """Stands for the machine's network: each address fails as it is told, or takes so long, s."""

    def __init__(self, **outcomes: OSError | float) -> None:
        self.outcomes = outcomes
        self.tried: list[str] = []

    async def connect_tcp(self, host: str, port: int) -> httpcore2.AsyncNetworkStream:
        name = "v6" if ":" in host else "v4"
        self.tried.append(name)
        outcome = self.outcomes[name]
        if isinstance(outcome, OSError):
            raise httpcore2.ConnectError(str(outcome)) from outcome
        await asyncio.sleep(outcome)
        return Placed((host, port))


class Placed(httpcore2.AsyncNetworkStream):
    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def get_extra_info(self, info: str) -> object:
        return self._address


async def dual_stack(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sales_agent_dagster.enrichment.fetching.connecting.NEXT_ADDRESS_S", 0.005)
    resolver = FarmResolver(80)
    both = [Endpoint(ip_address("127.0.0.1"), 80), Endpoint(ip_address("::1"), 80)]
    resolver.answers["dual.example"] = [both]
    backend = CheckedBackend(resolver, AllowList.parse(["127.0.0.1:80", "[::1]:80"]), 1000)
    monkeypatch.setattr(backend, "_tcp", network)
    await backend.connect_tcp("dual.example", 80)


def test_a_site_that_refuses_ipv4_is_no_failure_of_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch):
    refused, unreachable = OSError(errno.ECONNREFUSED, "no"), OSError(errno.ENETUNREACH, "no")
    network = Network(v4=refused, v6=unreachable)
    assert refusal(lambda: asyncio.run(dual_stack(network, monkeypatch))) is Reason.UNREACHABLE
    assert network.tried == ["v4", "v6"]


def test_a_slow_address_is_not_given_up_for_one_that_cannot_work(monkeypatch: pytest.MonkeyPatch):
    network = Network(v4=0.02, v6=OSError(errno.EADDRNOTAVAIL, "no"))
    asyncio.run(dual_stack(network, monkeypatch))
    assert network.tried == ["v4", "v6", "v4"]


def test_a_slow_address_is_given_up_where_another_one_refuses(monkeypatch: pytest.MonkeyPatch):
    network = Network(v4=0.02, v6=OSError(errno.ECONNREFUSED, "no"))
    assert refusal(lambda: asyncio.run(dual_stack(network, monkeypatch))) is Reason.UNREACHABLE
    assert network.tried == ["v4", "v6"]


def test_running_out_of_descriptors_is_ours(farm: RunningFarm, monkeypatch: pytest.MonkeyPatch):
    def no_socket(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    async def run() -> None:
        monkeypatch.setattr("socket.socket.__init__", no_socket)
        try:
            await CheckedBackend(farm.resolver(), farm.allowed, 1000).connect_tcp("firm-0001.example", 80)
        finally:
            monkeypatch.undo()

    with pytest.raises(OwnNetworkFailed):
        asyncio.run(run())


class Endless(httpcore2.AsyncNetworkStream):
    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return b"x" * max_bytes

    async def write(self, buffer: bytes, timeout: float | None = None) -> None: ...

    async def aclose(self) -> None: ...


def test_a_connection_gives_no_more_than_allowed_per_request():
    async def run() -> int:
        stream = BoundedStream(Endless(), 250)
        for _ in range(3):
            await stream.write(b"GET")
            await stream.read(100)
            await stream.read(100)
        with pytest.raises(SiteFailed) as caught:
            await stream.read(100)
        assert caught.value.reason is Reason.TOO_LARGE
        return 1

    assert asyncio.run(run()) == 1


def test_the_machines_resolver_knows_localhost_and_says_what_it_does_not_know():
    async def run(work: Callable[[SystemResolver], Awaitable[object]]) -> object:
        resolver = SystemResolver()
        try:
            return await work(resolver)
        finally:
            resolver.close()
            resolver.close()

    endpoints = asyncio.run(run(lambda resolver: resolver.resolve("localhost", 80)))
    assert Endpoint(ip_address("127.0.0.1"), 80) in endpoints
    assert (
        refusal(lambda: asyncio.run(run(lambda r: r.resolve("a" * 64 + ".example", 80))))
        is Reason.UNKNOWN_HOST
    )


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("EAI_NONAME", SiteFailed),
        ("EAI_AGAIN", OwnNetworkFailed),
        ("EAI_FAIL", OwnNetworkFailed),
        ("EAI_SYSTEM", OwnNetworkFailed),
        ("EAI_MEMORY", OwnNetworkFailed),
    ],
)
def test_only_a_name_that_does_not_exist_is_a_fact(
    monkeypatch: pytest.MonkeyPatch, name: str, failure: type[Exception]
):
    def fail(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(getattr(socket, name), "no")

    monkeypatch.setattr("socket.getaddrinfo", fail)

    async def run() -> None:
        resolver = SystemResolver()
        try:
            await resolver.resolve("firm.example", 80)
        finally:
            resolver.close()

    with pytest.raises(failure):
        asyncio.run(run())
