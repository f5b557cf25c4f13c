"""Identical calls in flight are bought once: in this process, and across processes when there is Redis."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sales_agent_dagster.inference.flow.clock import Clock
from sales_agent_dagster.inference.flow.shared import SharedState, SharedStateLost

ResultT = TypeVar("ResultT")

LEASE_S = 10.0
"""A lease whose process died is free after this."""

RENEW_S = 3.0
POLL_S = 0.1

REMEMBERED_S = 3600.0
"""How long processes that read the ledger before a call was bought are told so when they come to buy it."""

_MILLISECONDS = int(LEASE_S * 1000)


REMEMBERED_KEYS = 10_000
"""Calls that ended last in this process; a key takes about 150 bytes."""


class Flights(Generic[ResultT]):
    """Calls in flight in this process, by key."""

    def __init__(self) -> None:
        self._leaders: dict[str, asyncio.Future[ResultT]] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def has_ended(self, key: str) -> bool:
        """Whether the call ended a while ago: who read the ledger before that has to read it again."""
        return key in self._ended

    async def once(self, key: str, buy: Callable[[], Awaitable[ResultT]]) -> tuple[ResultT, bool]:
        """The result of ``buy``, or of the same call in flight; says whether it is somebody else's.

        A leader's error is its followers' error; when it is cancelled, the next of them takes over.
        """
        while (leader := self._leaders.get(key)) is not None:
            await asyncio.wait([leader])
            if not leader.cancelled():
                return leader.result(), True
        mine = self._leaders[key] = asyncio.get_running_loop().create_future()
        try:
            result = await buy()
        except Exception as error:
            mine.set_exception(error)
            mine.exception()  # it is raised here; followers are optional
            raise
        else:
            mine.set_result(result)
            return result, False
        finally:
            mine.cancel()
            del self._leaders[key]
            self._ended[key] = None
            if len(self._ended) > REMEMBERED_KEYS:
                self._ended.popitem(last=False)


_ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder and not (holder == 'bought' and ARGV[3] == '1') then return holder end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''
"""
_RENEW = """
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then redis.call('PEXPIRE', key, ARGV[2]) end
end
return 0
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
  if ARGV[2] == '1' then redis.call('SET', KEYS[1], 'bought', 'PX', ARGV[3]) end
end
return 0
"""
_BOUGHT = "bought"


@dataclass(slots=True)
class Lease:
    """The right to buy a call.

    Attributes:
        ours: another process has not bought it meanwhile.
        bought: to be set by who bought it, once it is stored: later processes are told.
    """

    ours: bool
    bought: bool = False


class Leases:
    """Who of several processes buys a call. A lease is renewed while it is held."""

    def __init__(self, clock: Clock, shared: SharedState | None) -> None:
        self._clock = clock
        self._shared = shared
        self._token = secrets.token_hex(8)
        self._held: set[str] = set()
        self._renewing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def hold(self, key: str, stored: Callable[[], Awaitable[bool]]) -> AsyncIterator[Lease]:
        """The lease of a call, waited for while another process holds it.

        When another process says that it bought the call, ``stored`` tells whether its answer is there: in
        another ledger it is not. Without Redis everybody gets the lease.
        """
        lease = Lease(ours=True)
        holder = await self._acquire(key)
        while holder:
            if holder != _BOUGHT:
                await self._clock.sleep(POLL_S)
                holder = await self._acquire(key)
            elif await stored():
                lease.ours = False
                break
            else:
                holder = await self._acquire(key, again=True)
        try:
            yield lease
        finally:
            await self._release(key, lease.bought)

    async def _acquire(self, key: str, *, again: bool = False) -> str:
        """Empty when the lease is ours; else who holds it, or that the call was bought."""
        if self._shared is None:
            return ""
        name = _name(key)
        try:
            holder = await self._shared.run(_ACQUIRE, [name], [self._token, _MILLISECONDS, int(again)])
        except SharedStateLost:
            return ""
        if not holder:
            self._held.add(name)
            if self._renewing is None:
                self._renewing = asyncio.get_running_loop().create_task(self._renew())
        return str(holder)

    async def _release(self, key: str, bought: bool) -> None:
        name = _name(key)
        if self._shared is None or name not in self._held:
            return
        self._held.discard(name)
        try:
            await self._shared.run(_RELEASE, [name], [self._token, int(bought), int(REMEMBERED_S * 1000)])
        except SharedStateLost:
            return  # it expires

    async def _renew(self) -> None:
        while self._held and self._shared is not None:
            await self._clock.sleep(RENEW_S)
            try:
                await self._shared.run(_RENEW, sorted(self._held), [self._token, _MILLISECONDS])
            except SharedStateLost:
                continue
        self._renewing = None


def _name(key: str) -> str:
    return f"sales-agent:lease:{key}"
