"""Running the farm: in a thread of this process, or as a process of its own; and resolving its hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from sales_agent_dagster.enrichment.fetching.addresses import AllowList, Endpoint
from sales_agent_dagster.enrichment.fetching.failures import OwnNetworkFailed, Reason, SiteFailed
from sales_agent_dagster_tests.serving import process, served
from sales_agent_dagster_tests.website_farm.app import Farm


class FarmResolver:
    """Sends every host of ``.example`` to the farm, ``unknown-*`` excepted, which do not exist.

    Attributes:
        answers: other addresses by host; of several answers each is given once, the last one always.
        asked: hosts, in order.
        broken: no lookup works, as without a network.
    """

    def __init__(self, port: int) -> None:
        self.farm = Endpoint(ip_address("127.0.0.1"), port)
        self.answers: dict[str, list[list[Endpoint]]] = {}
        self.asked: list[str] = []
        self.broken = False

    async def resolve(self, host: str, port: int) -> list[Endpoint]:
        self.asked.append(host)
        if self.broken:
            raise OwnNetworkFailed("name lookup: broken")
        if host in self.answers:
            answers = self.answers[host]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if not host.endswith(".example") or host.startswith("unknown-"):
            raise SiteFailed(Reason.UNKNOWN_HOST, "its name does not exist")
        return [self.farm]

    def close(self) -> None:
        """Holds nothing."""


class RunningFarm:
    """A farm in a thread; hosts are added and the log is read while it runs."""

    def __init__(self, farm: Farm, port: int) -> None:
        self.farm = farm
        self.port = port

    @property
    def allowed(self) -> AllowList:
        """Lets a fetcher reach the farm and nothing else on loopback."""
        return AllowList.parse([f"127.0.0.1:{self.port}"])

    def resolver(self) -> FarmResolver:
        return FarmResolver(self.port)


@contextmanager
def running_farm() -> Iterator[RunningFarm]:
    """An empty farm on a free loopback port."""
    farm = Farm()
    with served(farm) as (_, port):
        yield RunningFarm(farm, port)


@contextmanager
def farm_process(*arguments: str) -> Iterator[int]:
    """Port of a farm in a process of its own; arguments as for ``python -m``."""
    with process("website_farm", *arguments) as port:
        yield int(port)
