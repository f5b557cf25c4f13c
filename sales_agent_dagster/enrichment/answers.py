"""Answers as they are kept: facts and texts as JSON, and how long each kind of answer is good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
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

SUPPRESSED_DAYS = 36_500.0
"""An opt-out has no end: asking about the person again would be processing them again."""

SUPPRESSED_REASON = "the person asked not to be processed"


def kept(
    outcome: Outcome, spec: ProviderSpec, settings: EnrichmentSettings, now: datetime
) -> CachedAnswer | None:
    """The answer to keep; None for what says nothing about the next time.

    One that is not complete is stale at once: it stands in where the next lookup fails.
    """
    if spec.cache == "none":
        return None
    if isinstance(outcome, Found):
        days = settings.email_days if spec.cache == "email" else settings.organization_days
        if not outcome.lasting:
            days = min(days, settings.negative_days)
        until = _after(now, days if outcome.complete else 0.0)
        return CachedAnswer(spec.version, LookupOutcome.FOUND, _payload(outcome), now, until)
    if isinstance(outcome, NotFound):
        until = _after(now, settings.negative_days)
        return CachedAnswer(spec.version, LookupOutcome.NOT_FOUND, None, now, until)
    if outcome.kind is FailureKind.SUPPRESSED:
        until = _after(now, SUPPRESSED_DAYS)
        return CachedAnswer(spec.version, LookupOutcome.SUPPRESSED, None, now, until)
    return None


def outcome_of(answer: CachedAnswer) -> Outcome:
    """The answer as if it came from the provider, at no cost."""
    if answer.outcome is LookupOutcome.SUPPRESSED:
        return Failed(FailureKind.SUPPRESSED, SUPPRESSED_REASON)
    if answer.payload is None:
        return NotFound()
    stored = orjson.loads(answer.payload)
    return Found(
        tuple(Fact(**fact) for fact in stored["facts"]),
        stored["texts"],
        complete=stored.get("complete", True),
        left_out=stored.get("left_out"),
    )


def joined(newer: Found, earlier: Found, oldest: datetime) -> Found:
    """The newer answer with what the earlier one says more of.

    Of each field the newer facts count, unless the earlier ones are more: a visit that saw fewer pages has
    not shown that there is nothing on the others. Facts fetched before ``oldest`` are left behind.
    """
    theirs = _by_field(fact for fact in earlier.facts if not _older(fact, oldest))
    ours = _by_field(newer.facts)
    facts = [
        max(ours.get(field, []), theirs.get(field, []), key=len)  # of equals the first: the newer
        for field in dict.fromkeys([*ours, *theirs])
    ]
    texts = {**newer.texts, **{name: text for name, text in earlier.texts.items() if name not in newer.texts}}
    return replace(newer, facts=tuple(fact for some in facts for fact in some), texts=texts)


def _by_field(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    by_field: dict[str, list[Fact]] = {}
    for fact in facts:
        by_field.setdefault(fact.field, []).append(fact)
    return by_field


def _older(fact: Fact, moment: datetime) -> bool:
    return fact.fetched_at is not None and datetime.fromisoformat(fact.fetched_at) < moment


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
    about = {"complete": found.complete, "left_out": found.left_out}
    payload = orjson.dumps({"facts": facts, "texts": texts, **about}).decode()
    if len(payload) <= MAX_PAYLOAD:
        return payload
    # Facts are bounded far below the limit; texts of line ends and quotes double when they are escaped.
    return orjson.dumps({"facts": facts, "texts": {}, **about}).decode()


def _after(now: datetime, days: float) -> datetime:
    return now + timedelta(days=days)
