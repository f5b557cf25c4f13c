"""Limits as the provider keeps them: continuously refilled buckets, tokens reserved on admission."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_SEQUENCE = 131_072
"""Reserved for a request without ``max_completion_tokens``."""


class Bucket:
    """``capacity`` per ``window_s`` seconds, refilled continuously."""

    def __init__(self, capacity: float, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.capacity = capacity
        self.window_s = window_s
        self._clock = clock
        self._level = capacity
        self._at = clock()

    def wait_for(self, amount: float) -> float:
        """Seconds until ``amount`` is there; 0 when it is."""
        missing = min(amount, self.capacity) - self.level
        return max(0.0, missing / self.capacity * self.window_s)

    def take(self, amount: float) -> None:
        self._level = self.level - amount

    def give(self, amount: float) -> None:
        self._level = min(self.capacity, self.level + amount)

    @property
    def level(self) -> float:
        now = self._clock()
        self._level = min(self.capacity, self._level + (now - self._at) / self.window_s * self.capacity)
        self._at = now
        return self._level

    @property
    def reset_s(self) -> float:
        """Seconds until it is full."""
        return (self.capacity - self.level) / self.capacity * self.window_s


@dataclass
class Limits:
    """The organisation's limits, shared by all its requests."""

    requests_day: float = 1_000_000
    requests_minute: float = 1_000_000
    tokens_minute: float = 1_000_000_000
    clock: Callable[[], float] = time.monotonic
    day: Bucket = field(init=False)
    minute: Bucket = field(init=False)
    tokens: Bucket = field(init=False)

    def __post_init__(self) -> None:
        self.day = Bucket(self.requests_day, 86_400, self.clock)
        self.minute = Bucket(self.requests_minute, 60, self.clock)
        self.tokens = Bucket(self.tokens_minute, 60, self.clock)

    def admit(self, prompt_tokens: int, max_completion_tokens: int | None) -> tuple[int, float]:
        """Reserve; what was reserved and 0, or nothing and the seconds to wait."""
        completion = MAX_SEQUENCE if max_completion_tokens is None else max_completion_tokens
        reserved = prompt_tokens + completion
        wait = max(self.day.wait_for(1), self.minute.wait_for(1), self.tokens.wait_for(reserved))
        if wait > 0:
            return 0, wait
        self.day.take(1)
        self.minute.take(1)
        self.tokens.take(reserved)
        return reserved, 0.0

    def settle(self, reserved: int, used: int) -> None:
        """Give back what was reserved and not used."""
        self.tokens.give(reserved - used)

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"x-ratelimit-limit-requests-day", b"%d" % self.requests_day),
            (b"x-ratelimit-remaining-requests-day", b"%d" % max(0.0, self.day.level)),
            (b"x-ratelimit-reset-requests-day", b"%.6f" % self.day.reset_s),
            (b"x-ratelimit-limit-tokens-minute", b"%d" % self.tokens_minute),
            (b"x-ratelimit-remaining-tokens-minute", b"%d" % max(0.0, self.tokens.level)),
            (b"x-ratelimit-reset-tokens-minute", b"%.4f" % self.tokens.reset_s),
        ]
