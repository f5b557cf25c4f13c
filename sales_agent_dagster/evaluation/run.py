"""One evaluation: the agents over the golden leads with one engine, measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sales_agent_dagster.agents.enrichment.state import EnrichedLead
from sales_agent_dagster.agents.evaluated import evaluation_key
from sales_agent_dagster.agents.qualification.state import Verdict
from sales_agent_dagster.agents.runtime import AgentContext
from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.evaluation import EvaluationFigures, EvaluationKey
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.evaluation.golden import SERVICE, GoldenCase, golden_version
from sales_agent_dagster.evaluation.measures import Counts, compare, kendall_tau_b, share, spearman
from sales_agent_dagster.inference.engine import Answer, Engine, NoAnswer
from sales_agent_dagster.warehouse.evaluations import CallFigures
from sales_agent_dagster.warehouse.reports import nearest_rank

_WORDS = ("name", "notes")
"""Texts whose facts are compared: what the lead says of itself."""

_TOPICS = {"trades": "trade", "brands": "brand", "customers": "customers"}

Outcome = Answer[Any] | NoAnswer


@dataclass(frozen=True)
class CaseResult:
    """What one golden lead got.

    Attributes:
        claims: facts read from its words.
        grounded, dropped: a model's claims with and without valid evidence.
    """

    case: GoldenCase
    score: float | None
    tier: Tier | None
    claims: frozenset[str]
    grounded: int
    dropped: int
    qualification: Outcome
    enrichment: Outcome

    @property
    def tier_right(self) -> bool:
        """The tier is one of those that are right."""
        return self.tier in self.case.tiers

    @property
    def counts(self) -> Counts:
        """The claims against what the words say."""
        return compare(self.claims, self.case.facts, self.case.optional)

    @property
    def answers(self) -> tuple[Outcome, Outcome]:
        """Both agents' answers."""
        return self.qualification, self.enrichment

    def row(self) -> dict[str, Any]:
        """As in ``evaluation_cases``."""
        expected, optional = set(self.case.facts), set(self.case.optional)
        given = [answer for answer in self.answers if isinstance(answer, Answer)]
        reasons = [reason for answer in self.answers if (reason := _reason(answer))]
        return {
            "case_id": self.case.id,
            "expected_tiers": ", ".join(self.case.tiers),
            "score": self.score,
            "tier": self.tier and self.tier.value,
            "tier_right": self.tier_right,
            "facts_right": _listed(self.claims & expected),
            "facts_wrong": _listed(self.claims - expected - optional),
            "facts_missed": _listed(expected - self.claims),
            "grounded_claims": self.grounded,
            "dropped_claims": self.dropped,
            "engines": ", ".join(dict.fromkeys(answer.engine for answer in given)) or "none",
            "reason": "; ".join(reasons) or None,
            "cost_usd": sum(answer.cost_usd for answer in given),
        }


@dataclass(frozen=True)
class Evaluation:
    """One engine on the golden leads."""

    key: EvaluationKey
    golden_version: str
    results: tuple[CaseResult, ...]
    models: tuple[str, ...] = field(default=())

    def figures(self, calls: CallFigures) -> EvaluationFigures:
        """The measures; ``calls`` is what the ledger says of the evaluation's calls."""
        results = self.results
        answers = [answer for result in results for answer in result.answers]
        pairs = [(result.score, -result.case.tiers[0].rank) for result in results]
        scores = [score for score, _ in pairs if score is not None]
        ranks = [rank for score, rank in pairs if score is not None]
        counts = sum((result.counts for result in results), Counts())
        grounded = sum(result.grounded for result in results)
        qualifications = _latencies([result.qualification for result in results])
        enrichments = _latencies([result.enrichment for result in results])
        return EvaluationFigures(
            cases=len(results),
            kendall_tau=round(kendall_tau_b(scores, ranks), 4),
            spearman=round(spearman(scores, ranks), 4),
            tier_accuracy=share(sum(result.tier_right for result in results), len(results)) or 0.0,
            fact_precision=counts.precision,
            fact_recall=counts.recall,
            grounding_rate=share(grounded, grounded + sum(result.dropped for result in results)),
            schema_failure_share=share(calls.invalid, calls.finished) or 0.0,
            fallback_share=share(sum(_reason(answer) is not None for answer in answers), len(answers)) or 0.0,
            replay_share=share(sum(_replayed(answer) for answer in answers), len(answers)) or 0.0,
            cost_usd=sum(answer.cost_usd for answer in answers if isinstance(answer, Answer)),
            saved_usd=calls.saved_usd,
            qualification_p50_ms=nearest_rank(qualifications, 50),
            qualification_p95_ms=nearest_rank(qualifications, 95),
            enrichment_p50_ms=nearest_rank(enrichments, 50),
            enrichment_p95_ms=nearest_rank(enrichments, 95),
        )

    def confusion(self) -> dict[str, dict[str, int]]:
        """Best expected tier to given tier to number of leads; ``none`` where there was no answer."""
        matrix: dict[str, Counter[str]] = {tier.value: Counter() for tier in Tier}
        for result in self.results:
            matrix[result.case.tiers[0].value][result.tier.value if result.tier else "none"] += 1
        return {expected: dict(given) for expected, given in matrix.items()}


async def evaluate(
    engine: Engine, profile: Profile, cases: Sequence[GoldenCase], scope: CallScope
) -> Evaluation:
    """Run qualification and enrichment over the cases.

    Raises:
        TransientError: the ledger does not answer.
        ConfigurationError: the engine lacks a setting.
    """
    from sales_agent_dagster.agents.enrichment.graph import enrich
    from sales_agent_dagster.agents.qualification.graph import qualify

    context = AgentContext(engine, profile, scope)
    rows = [case.row() for case in cases]
    verdicts = await qualify(rows, context)
    enriched = await enrich(rows, context)
    await engine.settle()
    results = tuple(map(_result, cases, verdicts, enriched))
    given = (answer for result in results for answer in result.answers if isinstance(answer, Answer))
    models = sorted({f"{answer.engine} {answer.engine_version}" for answer in given})
    return Evaluation(evaluation_key(engine, profile), golden_version(cases), results, tuple(models))


def _result(case: GoldenCase, verdict: Verdict | NoAnswer, lead: EnrichedLead | NoAnswer) -> CaseResult:
    judged = None if isinstance(verdict, NoAnswer) else verdict.qualification
    read = None if isinstance(lead, NoAnswer) else lead
    moves = sum(factor.name.endswith("_judged") for factor in judged.factors) if judged else 0
    return CaseResult(
        case=case,
        score=judged.score if judged else None,
        tier=judged.tier if judged else None,
        claims=frozenset(claim for fact in read.facts for claim in _claims(fact)) if read else frozenset(),
        grounded=moves + (read.read_count if read else 0),
        dropped=len(judged.dropped if judged else ()) + len(read.dropped if read else ()),
        qualification=verdict if isinstance(verdict, NoAnswer) else verdict.answer,
        enrichment=lead if isinstance(lead, NoAnswer) else lead.answer,
    )


def _claims(fact: Fact) -> Iterator[str]:
    """A fact that was read from the lead's words, as claims."""
    if (fact.read_in if fact.source == "model" else fact.source) not in _WORDS:
        return
    if fact.field == SERVICE:
        yield SERVICE
    elif fact.field in _TOPICS:
        yield from (f"{_TOPICS[fact.field]} {value}" for value in fact.value.split(", "))


def _reason(answer: Outcome) -> str | None:
    return answer.degraded_reason if isinstance(answer, Answer) else answer.reason


def _replayed(answer: Outcome) -> bool:
    return isinstance(answer, Answer) and answer.replayed


def _latencies(answers: Sequence[Outcome]) -> list[float]:
    return sorted(answer.latency_ms for answer in answers if _reason(answer) is None)


def _listed(claims: frozenset[str] | set[str]) -> str | None:
    return ", ".join(sorted(claims)) or None
