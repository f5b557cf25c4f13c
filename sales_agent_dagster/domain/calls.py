"""What is known of one call to a model: who asked, what it used, what came back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class CallScope:
    """For whom calls are made: budgets and the ledger count by it."""

    run_id: str
    batch_id: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls.

    Attributes:
        prompt: all input tokens; ``cached`` of them came from the provider's prompt cache.
        completion: all output tokens; ``reasoning`` of them were not part of the answer.
    """

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt,
            self.cached + other.cached,
            self.completion + other.completion,
            self.reasoning + other.reasoning,
        )


class CallOutcome(StrEnum):
    """How a call ended. Only ``ok`` is replayed."""

    OK = "ok"
    INVALID = "invalid"
    """Billed, but the answer could not be used, also after its repair turn."""
    FAILED = "failed"
    """The provider gave no answer; nothing was billed."""
    DUPLICATE = "duplicate"
    """Billed and usable, but the same call was finished by another process first: its answer counts."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One finished call, as the ledger keeps it. The prompt is not kept, only its hash and version.

    Attributes:
        call_key: hash of agent, prompt version, model, parameters, schema and input: equal keys have the
            same answer, so a finished one is never bought again.
        response: the answer as JSON text; None unless the outcome is ok, or when retention removed it.
        cost_usd: for all attempts that were billed.
        price_date: date since which the price that ``cost_usd`` was computed with applies, ISO 8601; None
            when the model is in no price list and the price for unknown models was taken.
        latency_ms: wall time as the lead saw it, retries and waiting for the provider's limits included.
        queue_ms, prompt_ms, completion_ms: the provider's own times; None where it gave none.
        attempts: requests sent, repair turn and hedges included.
        usage: of all attempts that were billed.
    """

    call_key: str
    agent: str
    prompt_version: str
    model: str
    parameters_hash: str
    schema_hash: str
    input_hash: str
    scope: CallScope
    lead_id: str
    outcome: CallOutcome
    response: str | None
    error: str | None
    usage: Usage
    cost_usd: float
    price_date: str | None
    latency_ms: float
    queue_ms: float | None
    prompt_ms: float | None
    completion_ms: float | None
    attempts: int
    called_at: datetime


@dataclass(frozen=True, slots=True)
class Replays:
    """Answers that came from the ledger instead of being bought.

    Attributes:
        day: UTC date, ISO 8601.
        saved_usd: what they had cost when they were bought.
    """

    scope: CallScope
    agent: str
    model: str
    day: str
    count: int
    saved_usd: float


@dataclass(frozen=True, slots=True)
class Spend:
    """US dollars spent so far, as budgets see it."""

    run_usd: float = 0.0
    batch_usd: float = 0.0
    day_usd: float = 0.0
