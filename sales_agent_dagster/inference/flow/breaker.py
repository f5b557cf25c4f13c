"""A circuit breaker per model: a provider that fails is left alone for a while, then asked once.

Closed: calls pass, and the outcomes of the last of them are remembered. Open, when too large a part of these
failed: nobody is asked. Half-open, after ``open_s``: exactly one call, the probe, passes; its success closes
the breaker, its failure opens it again. Only what says that the provider is down counts as a failure: no
connection, no reply in time, a 5xx, a reply that is none. 4xx and 429 are answers.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from enum import Enum

from sales_agent_dagster.inference.flow.clock import Clock
from sales_agent_dagster.inference.flow.shared import SharedState, SharedStateLost


class Permit(Enum):
    """What a breaker says to a call."""

    REFUSED = 0
    PASSES = 1
    PROBE = 2


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a breaker opens.

    Attributes:
        ratio: part of the remembered calls that failed.
        calls: how many are remembered; few, so that an outage after much success is noticed at once.
        least: fewer than this, or than there are calls in flight, say nothing. Failures come back at once and
            answers take their time, so the first outcomes are mostly failures even when few calls fail.
        window_s: older calls are forgotten.
        open_s: how long nobody is asked.
        probe_s: a probe whose process died is given up after this.
    """

    ratio: float = 0.5
    calls: int = 50
    least: int = 20
    window_s: float = 30.0
    open_s: float = 15.0
    probe_s: float = 30.0

    def enough(self, in_flight: int) -> int:
        """Outcomes that say something while so many calls are in flight."""
        return max(self.least, min(in_flight, self.calls))


class LocalBreaker:
    """One breaker in one process."""

    def __init__(self, rules: BreakerRules) -> None:
        self._rules = rules
        self._calls: deque[tuple[float, bool]] = deque(maxlen=rules.calls)
        self._open_until: float | None = None
        self._probe_until = 0.0

    def admit(self, now: float) -> Permit:
        """Whether a call may be sent."""
        if self._open_until is None:
            return Permit.PASSES
        if now < self._open_until or now < self._probe_until:
            return Permit.REFUSED
        self._probe_until = now + self._rules.probe_s
        return Permit.PROBE

    def record(self, now: float, permit: Permit, ok: bool, in_flight: int = 0) -> None:
        """The outcome of a call that was admitted, and how many others are in flight."""
        if permit is Permit.PROBE:
            self._probe_until = 0.0
            self._open_until = None if ok else now + self._rules.open_s
            self._calls.clear()
        elif self._open_until is None:
            self._calls.append((now, ok))
            self._judge(now, self._rules.enough(in_flight))

    def release(self, permit: Permit) -> None:
        """A call that was admitted was not sent, or nobody knows what came of it."""
        if permit is Permit.PROBE:
            self._probe_until = 0.0

    def _judge(self, now: float, enough: int) -> None:
        while self._calls[0][0] + self._rules.window_s <= now:
            self._calls.popleft()
        failed = sum(not ok for _, ok in self._calls)
        if len(self._calls) >= enough and failed >= self._rules.ratio * len(self._calls):
            self._open_until = now + self._rules.open_s


_CLOCK = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local open_until = tonumber(redis.call('HGET', KEYS[1], 'open_until') or '-1')
"""

_ADMIT = (
    _CLOCK
    + """
if open_until < 0 then return 1 end
local probe_until = tonumber(redis.call('HGET', KEYS[1], 'probe_until') or '0')
if now < open_until or now < probe_until then return 0 end
redis.call('HSET', KEYS[1], 'probe_until', now + ARGV[1])
return 2
"""
)

_RECORD = (
    _CLOCK
    + """
local permit, ok = ARGV[1], ARGV[2]
local ratio, calls, least = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local window, open_ms = tonumber(ARGV[6]), tonumber(ARGV[7])
if permit == '2' then
  redis.call('DEL', KEYS[1], KEYS[2])
  if ok == '0' then redis.call('HSET', KEYS[1], 'open_until', now + open_ms) end
  return 0
end
if open_until >= 0 then return 0 end
redis.call('RPUSH', KEYS[2], now .. ':' .. ok)
redis.call('LTRIM', KEYS[2], -calls, -1)
redis.call('PEXPIRE', KEYS[2], window)
local total, failed = 0, 0
for _, entry in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  local at, good = string.match(entry, '(%d+):(%d)')
  if at + window > now then
    total = total + 1
    if good == '0' then failed = failed + 1 end
  end
end
if total >= least and failed >= ratio * total then
  redis.call('HSET', KEYS[1], 'open_until', now + open_ms)
end
return 0
"""
)

_RELEASE = "redis.call('HDEL', KEYS[1], 'probe_until') return 0"


class Breakers:
    """The breakers of all models: shared when there is Redis, else this process's own.

    The process's own ones always follow, so they know the situation should Redis go away.

    Args:
        owner: part of the shared keys.
    """

    def __init__(
        self,
        rules: BreakerRules,
        clock: Clock,
        *,
        shared: SharedState | None = None,
        owner: str = "",
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._shared = shared
        self._owner = owner
        self._local: defaultdict[str, LocalBreaker] = defaultdict(lambda: LocalBreaker(rules))

    async def admit(self, model: str) -> Permit:
        """Whether a call to the model may be sent; each admitted call is recorded or released."""
        if self._shared is not None:
            try:
                found = await self._shared.run(_ADMIT, self._keys(model), [int(self._rules.probe_s * 1000)])
                return Permit(found)
            except SharedStateLost:
                pass
        return self._local[model].admit(self._clock.now())

    async def record(self, model: str, permit: Permit, *, ok: bool, in_flight: int = 0) -> None:
        """The outcome of an admitted call, and how many others this process has in flight."""
        self._local[model].record(self._clock.now(), permit, ok, in_flight)
        rules = self._rules
        arguments = [permit.value, int(ok), rules.ratio, rules.calls, rules.enough(in_flight)]
        await self._tell(_RECORD, model, [*arguments, int(rules.window_s * 1000), int(rules.open_s * 1000)])

    async def release(self, model: str, permit: Permit) -> None:
        """An admitted call was not sent, or was cancelled."""
        self._local[model].release(permit)
        if permit is Permit.PROBE:
            await self._tell(_RELEASE, model, [])

    async def _tell(self, script: str, model: str, arguments: list[str | int | float]) -> None:
        if self._shared is not None:
            try:
                await self._shared.run(script, self._keys(model), arguments)
            except SharedStateLost:
                return

    def _keys(self, model: str) -> list[str]:
        name = f"sales-agent:{{breaker:{self._owner}:{model}}}"
        return [f"{name}:state", f"{name}:calls"]
