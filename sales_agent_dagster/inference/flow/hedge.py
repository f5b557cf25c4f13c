"""Asking a second time when the first request takes long; the first answer counts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Literal, TypeVar

from sales_agent_dagster.inference.flow.clock import Clock

ResultT = TypeVar("ResultT")

REMEMBERED = 256
ENOUGH = 32
"""Latencies remembered, and how many a p95 needs."""

P95 = 0.95


class Hedging:
    """Decides who is asked a second time.

    Args:
        after_ms: when; "p95" is the 95th percentile of the last calls; None is never.
        share: most second requests, as a share of all first ones.
    """

    def __init__(self, after_ms: float | Literal["p95"] | None, share: float) -> None:
        self._after_ms = after_ms
        self._share = share
        self._calls = 0
        self._hedged = 0
        self._latencies: deque[float] = deque(maxlen=REMEMBERED)

    def begin(self) -> float | None:
        """Count a first request; seconds after which it may be hedged, None when it may not."""
        self._calls += 1
        if self._after_ms != "p95":
            return None if self._after_ms is None else self._after_ms / 1000
        if len(self._latencies) < ENOUGH:
            return None
        return sorted(self._latencies)[int(P95 * len(self._latencies))]

    def take(self) -> bool:
        """Whether one more may be sent now; if so it is counted."""
        if self._hedged + 1 > self._share * self._calls:
            return False
        self._hedged += 1
        return True

    def observe(self, seconds: float) -> None:
        """How long a request took that got an answer."""
        self._latencies.append(seconds)


async def first_answer(
    ask: Callable[[], Coroutine[Any, Any, ResultT]],
    again: Callable[[], Coroutine[Any, Any, ResultT]],
    after_s: float | None,
    take: Callable[[], Awaitable[bool]],
    clock: Clock,
) -> tuple[ResultT, int]:
    """The first answer of at most two requests, and how many were sent; the other one is cancelled.

    The second one (``again``) is sent when the first (``ask``) has not ended ``after_s`` seconds later, None
    being never, and ``take`` allows it. An error counts only when no request is left that may still answer;
    then the last one is raised.
    """
    if after_s is None:
        return await ask(), 1
    requests = {asyncio.create_task(ask())}
    try:
        await _wait_or_done(requests, after_s, clock)
        if not any(request.done() for request in requests) and await take():
            requests.add(asyncio.create_task(again()))
        sent = len(requests)
        while True:
            done, requests = await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
            answered = [request for request in done if request.exception() is None]
            if answered or not requests:
                return (answered or list(done))[0].result(), sent
    finally:
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)


async def _wait_or_done(requests: set[asyncio.Task[ResultT]], seconds: float, clock: Clock) -> None:
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        waiting: set[asyncio.Future[Any]] = {timer, *requests}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        timer.cancel()
