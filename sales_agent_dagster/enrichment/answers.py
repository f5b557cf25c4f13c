"""Answers as they are kept: facts and texts as JSON, and how long each kind of answer is good."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

import orjson

from sales_agent_dagster.domain.lookups import MAX_PAYLOAD, CachedAnswer, LookupOutcome
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    NotFound,
    Outcome,
    ProviderSpec,
)
from sales_agent_dagster.settings import EnrichmentSettings

MAX_TEXT = 4_000
"""Characters of one text that are kept: a process remembers many answers, and a model reads half of it."""

MAX_TEXTS = 8
SUPPRESSED_REASON = "the person asked not to be processed"


def kept(
    outcome: Outcome, spec: ProviderSpec, settings: EnrichmentSettings, now: datetime
) -> CachedAnswer | None:
    """The answer to keep; None for what says nothing about the next time."""
    if spec.cache == "none" or (isinstance(outcome, Found) and not outcome.complete):
        return None
    if isinstance(outcome, Found):
        days = settings.email_days if spec.cache == "email" else settings.organization_days
        days = days if outcome.lasting else min(days, settings.negative_days)
        if not outcome.lasting:
            days = min(days, settings.negative_days)
        return CachedAnswer(spec.version, LookupOutcome.FOUND, _payload(outcome), now, _after(now, days))
    if isinstance(outcome, NotFound):
        until = _after(now, settings.negative_days)
        return CachedAnswer(spec.version, LookupOutcome.NOT_FOUND, None, now, until)
    if outcome.kind is FailureKind.SUPPRESSED:
        until = _after(now, settings.organization_days)
        return CachedAnswer(spec.version, LookupOutcome.SUPPRESSED, None, now, until)
    return None


def outcome_of(answer: CachedAnswer) -> Outcome:
    """The answer as if it came from the provider, at no cost."""
    if answer.outcome is LookupOutcome.SUPPRESSED:
        return Failed(FailureKind.SUPPRESSED, SUPPRESSED_REASON)
    if answer.payload is None:
        return NotFound()
    stored = orjson.loads(answer.payload)
    return Found(tuple(Fact(**fact) for fact in stored["facts"]), stored["texts"])


def encode(answer: CachedAnswer) -> bytes:
    """As JSON, for a front."""
    return orjson.dumps(answer)


def decode(data: str | bytes) -> CachedAnswer:
    """The opposite of ``encode``.

    Raises:
        ValueError, KeyError, TypeError: it is not what ``encode`` writes.
    """
    stored = orjson.loads(data)
    return CachedAnswer(
        stored["version"],
        LookupOutcome(stored["outcome"]),
        stored["payload"],
        datetime.fromisoformat(stored["fetched_at"]),
        datetime.fromisoformat(stored["fresh_until"]),
    )


def _payload(found: Found) -> str:
    facts = [
        {name: value for name, value in asdict(fact).items() if value is not None} for fact in found.facts
    ]
    texts = {name: text[:MAX_TEXT] for name, text in list(found.texts.items())[:MAX_TEXTS]}
    payload = orjson.dumps({"facts": facts, "texts": texts}).decode()
    # Facts are bounded far below the limit; texts of line ends and quotes double when they are escaped.
    return payload if len(payload) <= MAX_PAYLOAD else orjson.dumps({"facts": facts, "texts": {}}).decode()


def _after(now: datetime, days: float) -> datetime:
    return now + timedelta(days=days)
