"""Certificates are checked though addresses are pinned."""

from __future__ import annotations

import asyncio
import ssl
import time

import pytest
import trustme

from sales_agent_dagster.enrichment.fetching.addresses import AllowList
from sales_agent_dagster.enrichment.fetching.failures import OwnNetworkFailed, Reason, SiteFailed
from sales_agent_dagster.enrichment.fetching.fetcher import Fetcher, Page
from sales_agent_dagster_tests.enrichment.fetching.visits import CONTROLS, LIMITS, OK
from sales_agent_dagster_tests.website_farm.raw import raw_server, says
from sales_agent_dagster_tests.website_farm.running import RunningFarm


class Secure:
    """A certificate authority, what it certifies, and who trusts it."""

    def __init__(self, *names: str) -> None:
        authority = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)


def over_tls(farm: RunningFarm, secure: Secure, client: ssl.SSLContext, controls: tuple[str, ...]) -> Page:
    async def run() -> Page:
        page = says(OK + b"Content-Length: 6\r\nConnection: close\r\n\r\nsecret")
        async with raw_server(page, secure.server) as endpoint:
            resolver = farm.resolver()
            resolver.answers["secure.example"] = [[endpoint]]
            allowed = AllowList.parse([f"127.0.0.1:{endpoint.port}", f"127.0.0.1:{farm.port}"])
            fetcher = Fetcher(
                LIMITS, resolver=resolver, allowed=allowed, controls=controls, ssl_context=client
            )
            try:
                async with fetcher.visit(time.monotonic() + 120) as visit:
                    return await visit.get("https://secure.example/")
            finally:
                await fetcher.close()

    return asyncio.run(run())


def test_certificates_are_checked_against_the_name_though_the_address_is_pinned(farm: RunningFarm):
    secure = Secure("secure.example")
    assert over_tls(farm, secure, secure.client, ()).text == "secret"


@pytest.mark.parametrize("names", [("other.example",), ("127.0.0.1",)])
def test_a_certificate_for_another_name_is_none(farm: RunningFarm, names: tuple[str, ...]):
    secure = Secure(*names)
    with pytest.raises(SiteFailed) as caught:
        over_tls(farm, secure, secure.client, CONTROLS)
    assert caught.value.reason is Reason.TLS


def test_a_certificate_of_nobody_is_none(farm: RunningFarm):
    with pytest.raises(SiteFailed) as caught:
        over_tls(farm, Secure("secure.example"), ssl.create_default_context(), CONTROLS)
    assert caught.value.reason is Reason.TLS


def test_control_hosts_over_https_must_have_a_certificate(farm: RunningFarm):
    """Certificates that fail everywhere, as with a wrong clock, are our own trouble."""
    secure = Secure("secure.example")
    with pytest.raises(OwnNetworkFailed):
        over_tls(farm, secure, ssl.create_default_context(), ("https://secure.example/",))
