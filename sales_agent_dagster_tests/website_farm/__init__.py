"""A farm of made-up websites on loopback: honest ones, and all the ways in which websites are not.

::

    with running_farm() as running:                 # a thread of this process
        site = running.farm.add(7, "rich", robots="User-agent: *\\nDisallow: /team", latency_ms=20)
        site.firm                                   # what the website may truthfully say
        fetcher = Fetcher(limits, resolver=running.resolver(), allowed=running.allowed)
        running.farm.paths(site.firm.host)          # what was asked of it
    with farm_process("--hosts", "200", "--hanging", "0.2", "--failing", "0.1") as port: ...   # benchmarks

Kinds of websites: ``sites.KINDS``. Hosts are ``firm-0001.example``; the resolver sends them to the farm.
"""

from sales_agent_dagster_tests.website_farm.running import (
    FarmResolver,
    RunningFarm,
    farm_process,
    running_farm,
)

__all__ = ["FarmResolver", "RunningFarm", "farm_process", "running_farm"]
