"""One request and its answer, within limits, and whose fault it is when there is none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpcore2

from sales_agent_dagster.enrichment.fetching.bodies import ENCODINGS, Body, media_type, read_body
from sales_agent_dagster.enrichment.fetching.failures import Reason, SiteFailed
from sales_agent_dagster.enrichment.fetching.targets import Target

MAX_HEADERS = 100
"""More header lines than any honest server sends. Their bytes are bounded by the connection."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOTHING = Body(b"", cut=False)
_CUT_OFF = "without sending"
"""In the library's messages about connections that end too early."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        headers: by lower-case name; of repeated ones the last.
        kind: media type, lower case, without parameters.
        charset: that the header declares.
        location: where it redirects to.
        body: empty where it was not wanted.
    """

    status: int
    headers: Mapping[str, str]
    kind: str
    charset: str | None
    location: str | None
    body: Body


async def exchange(
    pool: httpcore2.AsyncConnectionPool,
    target: Target,
    agent: str,
    most: int,
    timeout_s: float,
    wanted: Callable[[str], bool],
) -> Answer:
    """Ask for a target.

    Args:
        pool: connections of the visit; it decides what may be connected to.
        target: what to ask for.
        agent: user agent.
        most: bytes of the unpacked body that are kept.
        timeout_s: for all of it.
        wanted: says by media type whether the body is read.

    Raises:
        SiteFailed: there is no answer that is one.
        OwnNetworkFailed: see ``connecting``.
    """
    try:
        async with asyncio.timeout(timeout_s):
            with _blaming():
                return await _exchange(pool, target, agent, most, wanted)
    except TimeoutError:
        raise SiteFailed(Reason.TIMEOUT, f"no whole answer in {timeout_s:g} s") from None


async def _exchange(
    pool: httpcore2.AsyncConnectionPool, target: Target, agent: str, most: int, wanted: Callable[[str], bool]
) -> Answer:
    url = httpcore2.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.path.encode(),
    )
    asked = [
        ("Host", target.authority),
        ("User-Agent", agent),
        ("Accept", "text/html,application/xhtml+xml,text/plain;q=0.9"),
        ("Accept-Encoding", ENCODINGS),
        ("Accept-Language", "en"),
    ]
    async with pool.stream("GET", url, headers=asked) as response:
        if len(response.headers) > MAX_HEADERS:
            raise SiteFailed(Reason.PROTOCOL, f"more than {MAX_HEADERS} headers")
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
        }
        kind, charset = media_type(headers.get("content-type", ""))
        location = headers.get("location") if response.status in _REDIRECTS else None
        body = _NOTHING
        if location is None and wanted(kind):
            encoding = headers.get("content-encoding", "")
            body = await read_body(response.aiter_stream(), encoding, most)
        return Answer(response.status, headers, kind, charset, location, body)


@contextmanager
def _blaming() -> Iterator[None]:
    """The library's errors as what they say about the site."""
    try:
        yield
    except httpcore2.ConnectError as error:
        if _has_cause(error, ssl.SSLError):
            raise SiteFailed(Reason.TLS, "no valid certificate or no common TLS") from None
        raise SiteFailed(Reason.UNREACHABLE, "ends the connection at once") from None
    except httpcore2.NetworkError:
        raise SiteFailed(Reason.UNREACHABLE, "breaks the connection off") from None
    except httpcore2.ProtocolError as error:
        if _CUT_OFF in str(error):
            raise SiteFailed(Reason.UNREACHABLE, "breaks the connection off") from None
        raise SiteFailed(Reason.PROTOCOL, "does not speak HTTP") from None


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
