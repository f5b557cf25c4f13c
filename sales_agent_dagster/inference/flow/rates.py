"""Requests and tokens per minute: no window of a minute ever holds more than the provider allows.

A call reserves one request and its estimated input plus its longest answer, as Cerebras counts it, just
before it is sent; nothing is given back. Counting what the last window held is stricter than the provider's
own token buckets, which refill continuously: whatever passes here passes there.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass

from sales_agent_dagster.inference.flow.clock import Clock
from sales_agent_dagster.inference.flow.shared import SharedState, SharedStateLost

LONGEST_WAIT_S = 120.0
"""Who must wait longer is refused: a spent daily quota comes back in hours."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Most requests and tokens per window; None is no limit, or one that is not known yet."""

    requests: int | None = None
    tokens: int | None = None

    def part(self, share: float) -> Limits:
        """That share of the limits, at least one request and one token."""
        return Limits(
            None if self.requests is None else max(1, int(self.requests * share)),
            None if self.tokens is None else max(1, int(self.tokens * share)),
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Length of a window in seconds.

    Attributes:
        margin_s: added on top: what was reserved in time may arrive late.
    """

    length_s: float = 60.0
    margin_s: float = 1.0

    @property
    def total_s(self) -> float:
        """How long a reservation counts."""
        return self.length_s + self.margin_s


class RateExceeded(Exception):
    """The provider takes no call for ``seconds``, more than anybody waits."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no call is allowed for {seconds:.0f} s")
        self.seconds = seconds


class SlidingWindow:
    """Reservations of the last window, of one process."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._reserved: deque[tuple[float, int]] = deque()
        self._tokens = 0
        self._paused_until = 0.0

    def wait_for(self, now: float, tokens: int, limits: Limits) -> float:
        """Seconds until a call of so many tokens fits; 0 when it does now."""
        self._forget(now)
        if now < self._paused_until:
            return self._paused_until - now
        wait = 0.0
        count = len(self._reserved)
        if limits.requests is not None and count >= limits.requests:
            wait = self._reserved[count - limits.requests][0] + self._seconds - now
        if limits.tokens is not None:
            # A call larger than the limit fits an empty window; the provider decides about it.
            excess = self._tokens + min(tokens, limits.tokens) - limits.tokens
            wait = max(wait, self._until_tokens(excess, now))
        return wait

    def reserve(self, now: float, tokens: int) -> None:
        """Count a call."""
        self._forget(now)
        self._reserved.append((now, tokens))
        self._tokens += tokens

    def pause(self, until: float) -> None:
        """Nothing fits before ``until``."""
        self._paused_until = max(self._paused_until, until)

    def _forget(self, now: float) -> None:
        while self._reserved and self._reserved[0][0] + self._seconds <= now:
            self._tokens -= self._reserved.popleft()[1]

    def _until_tokens(self, excess: int, now: float) -> float:
        if excess > 0:
            for at, tokens in self._reserved:
                excess -= tokens
                if excess <= 0:
                    return at + self._seconds - now
        return 0.0


_RESERVE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local window, need = tonumber(ARGV[1]), tonumber(ARGV[4])
local function known(name, given)
  if given > 0 then redis.call('HSET', KEYS[2], name, given) return given end
  return tonumber(redis.call('HGET', KEYS[2], name) or '0')
end
local requests, limit = known('requests', tonumber(ARGV[2])), known('limit', tonumber(ARGV[3]))
local paused = tonumber(redis.call('HGET', KEYS[2], 'paused') or '0')
if paused > now then return paused - now end
local used = tonumber(redis.call('HGET', KEYS[2], 'tokens') or '0')
local function parts(entry)
  local at, tokens = string.match(entry, '(%d+):(%d+)')
  return tonumber(at), tonumber(tokens)
end
while true do
  local head = redis.call('LINDEX', KEYS[1], 0)
  if not head then used = 0 break end
  local at, tokens = parts(head)
  if at + window > now then break end
  redis.call('LPOP', KEYS[1])
  used = used - tokens
end
local wait = 0
local count = redis.call('LLEN', KEYS[1])
if requests > 0 and count >= requests then
  wait = parts(redis.call('LINDEX', KEYS[1], count - requests)) + window - now
end
if limit > 0 then
  local excess = used + math.min(need, limit) - limit
  if excess > 0 then
    for _, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
      local at, tokens = parts(entry)
      excess = excess - tokens
      if excess <= 0 then wait = math.max(wait, at + window - now) break end
    end
  end
end
if wait <= 0 then
  redis.call('RPUSH', KEYS[1], string.format('%.0f:%d', now, need))
  used = used + need
end
redis.call('HSET', KEYS[2], 'tokens', used)
local kept = math.ceil(window / 1000)
redis.call('PEXPIRE', KEYS[1], kept)
redis.call('PEXPIRE', KEYS[2], kept)
return math.max(wait, 0)
"""
"""The sliding window of all processes; times are the server's, in microseconds.

A limit that a process does not know, 0, is the one that another process came with last.
"""

_PAUSE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local until_ = now + tonumber(ARGV[1])
if until_ > tonumber(redis.call('HGET', KEYS[2], 'paused') or '0') then
  redis.call('HSET', KEYS[2], 'paused', string.format('%.0f', until_))
  redis.call('PEXPIRE', KEYS[2], math.max(math.ceil(ARGV[1] / 1000), redis.call('PTTL', KEYS[2])))
end
return 0
"""


class RateLimiter:
    """Admits calls to models in the order they come.

    Args:
        limits: as configured; what is None is learned.
        share: part of the limits this process takes when it has only its own state.
        owner: who the limits belong to, such as a hash of the API key; part of the shared keys.
    """

    def __init__(
        self,
        limits: Limits,
        share: float,
        clock: Clock,
        *,
        shared: SharedState | None = None,
        owner: str = "",
        window: Window = Window(),
    ) -> None:
        self._configured = limits
        self._share = share
        self._clock = clock
        self._shared = shared
        self._owner = owner
        self._seconds = window.total_s
        self._learned: dict[str, Limits] = {}
        self._windows: defaultdict[str, SlidingWindow] = defaultdict(lambda: SlidingWindow(self._seconds))
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def limits_of(self, model: str) -> Limits:
        """What is configured or else was learned."""
        learned = self._learned.get(model, Limits())
        return Limits(
            self._configured.requests if self._configured.requests is not None else learned.requests,
            self._configured.tokens if self._configured.tokens is not None else learned.tokens,
        )

    def learn(self, model: str, limits: Limits) -> None:
        """Remember the limits that the provider named; None changes nothing."""
        known = self._learned.get(model, Limits())
        self._learned[model] = Limits(limits.requests or known.requests, limits.tokens or known.tokens)

    async def admit(self, model: str, tokens: int) -> None:
        """Return when a call of so many tokens, answer included, may be sent; it counts as sent.

        Raises:
            RateExceeded: that would take longer than ``LONGEST_WAIT_S``.
        """
        async with self._turns[model]:
            while (wait := await self._reserve(model, tokens)) > 0:
                if wait > LONGEST_WAIT_S:
                    raise RateExceeded(wait)
                await self._clock.sleep(wait)

    async def pause(self, model: str, seconds: float) -> None:
        """Nobody's call is admitted for ``seconds``: the provider said so."""
        self._windows[model].pause(self._clock.now() + seconds)
        if self._shared is not None:
            try:
                await self._shared.run(_PAUSE, self._keys(model), [int(seconds * 1e6)])
            except SharedStateLost:
                return

    async def _reserve(self, model: str, tokens: int) -> float:
        window, limits = self._windows[model], self.limits_of(model)
        now = self._clock.now()
        wait = await self._shared_wait(model, tokens, limits)
        if wait is None:
            wait = window.wait_for(now, tokens, limits.part(self._share))
        if wait <= 0:
            # Also what Redis admitted: should it go away, this process knows what it has sent.
            window.reserve(now, tokens)
        return wait

    async def _shared_wait(self, model: str, tokens: int, limits: Limits) -> float | None:
        """Seconds to wait as all processes together see it; None when only this one can tell."""
        if self._shared is None:
            return None
        arguments = [int(self._seconds * 1e6), limits.requests or 0, limits.tokens or 0, tokens]
        try:
            return float(await self._shared.run(_RESERVE, self._keys(model), arguments)) / 1e6
        except SharedStateLost:
            return None

    def _keys(self, model: str) -> list[str]:
        name = f"sales-agent:{{rate:{self._owner}:{model}}}"
        return [f"{name}:log", f"{name}:state"]
