"""What the server counts, and how it counts tokens."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any

CHARACTERS_PER_TOKEN = 4
BLOCK_CHARACTERS = 512
"""A block of the prompt cache, 128 tokens."""

CACHE_SECONDS = 300.0
CACHE_BLOCKS = 4096
REASONING_TOKENS = {"none": 0, "low": 40, "medium": 200, "high": 800}


def count_tokens(text: str) -> int:
    return -(-len(text) // CHARACTERS_PER_TOKEN)


class PromptCache:
    """Prefix-exact, in blocks, forgotten after ``CACHE_SECONDS``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._blocks: OrderedDict[int, float] = OrderedDict()

    def cached_tokens(self, model: str, prompt: str) -> int:
        """Tokens of the longest known prefix; the whole prompt is known afterwards."""
        now, key, known, unbroken = self._clock(), hash(model), 0, True
        for start in range(0, len(prompt) - BLOCK_CHARACTERS + 1, BLOCK_CHARACTERS):
            key = hash((key, prompt[start : start + BLOCK_CHARACTERS]))
            unbroken = unbroken and self._blocks.get(key, -CACHE_SECONDS) > now - CACHE_SECONDS
            known += unbroken
            self._blocks[key] = now
            self._blocks.move_to_end(key)
        while len(self._blocks) > CACHE_BLOCKS:
            self._blocks.popitem(last=False)
        return known * BLOCK_CHARACTERS // CHARACTERS_PER_TOKEN


@dataclass
class Stats:
    """Counters since the last reset.

    Attributes:
        requests: chat completions asked for, refused ones included.
        billed: answers made; abandoned: those whose asker had gone before.
        duplicate_bills: answers made again to the very same body.
        arrivals: monotonic seconds at which requests arrived.
    """

    requests: int = 0
    billed: int = 0
    abandoned: int = 0
    duplicate_bills: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    model_lists: int = 0
    warmings: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    schemas: Counter[str] = field(default_factory=Counter)
    bodies: Counter[int] = field(default_factory=Counter)
    arrivals: list[float] = field(default_factory=list)
    askers: set[tuple[str, int]] = field(default_factory=set)

    @property
    def connections(self) -> int:
        """Connections that chat completions came over."""
        return len(self.askers)

    def bill(self, body: bytes, usage: dict[str, Any]) -> None:
        key = hash(body)
        self.billed += 1
        self.duplicate_bills += self.bodies[key] > 0
        self.bodies[key] += 1
        self.prompt_tokens += usage["prompt_tokens"]
        self.cached_tokens += usage["prompt_tokens_details"]["cached_tokens"]
        self.completion_tokens += usage["completion_tokens"]
        self.reasoning_tokens += usage["completion_tokens_details"]["reasoning_tokens"]

    def as_json(self) -> dict[str, Any]:
        found = {part.name: getattr(self, part.name) for part in fields(self)}
        del found["bodies"], found["askers"]
        return {**found, "connections": self.connections}
