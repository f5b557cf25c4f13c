"""What an engine is told about a lead, and what its judgement may change.

The rule: a rating moves its factor by its share (``STEPS``) of ``MAX_MOVE`` points times the factor's weight.
The weights sum to 1, so a judgement moves a score by ``MAX_MOVE`` at most, whatever it says. A rating counts
when it cites a fact that the lead has; the first one of each factor counts. The tier follows from the score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from sales_agent_dagster.agents.qualification import rules
from sales_agent_dagster.agents.qualification.state import (
    Factor,
    Judged,
    Judgement,
    Qualification,
    Rating,
    ScoredLead,
)
from sales_agent_dagster.agents.untrusted import faults_of, redact
from sales_agent_dagster.domain.icp import one_decimal
from sales_agent_dagster.domain.profile import Icp

MAX_MOVE = 15
"""Points by which a judgement may move a score, either way."""

STEPS: dict[Rating, float] = {
    "much_lower": -1.0,
    "lower": -0.5,
    "same": 0.0,
    "higher": 0.5,
    "much_higher": 1.0,
}


def facts_of(lead: ScoredLead) -> dict[str, str]:
    """What is known of a lead, by the ids that evidence cites; no person, address or number of it."""
    features = lead.features
    known = {
        "name": redact(features.company_name, 120),
        "brands": redact(", ".join(features.brands), 200),
        "trades": ", ".join(features.trades),
        "capabilities": ", ".join(features.capabilities),
        "dealer_tier": redact(features.dealer_tier or "", 40),
        "industry": redact(features.industry or "", 80),
        "notes": redact(features.notes or "", 600),
        "website": "own" if features.website == "own" else "",
        "rating": f"{features.rating:g} of 5" if features.rating is not None else "",
    }
    return {name: text for name, text in known.items() if text}


def payload_of(lead: ScoredLead) -> dict[str, object]:
    """What an engine is told, JSON-ready."""
    dimensions = lead.scorecard.dimensions
    card = {name: f"{item.value:g}: {redact(item.evidence, 80)}" for name, item in dimensions.items()}
    return {"facts": facts_of(lead), "scorecard": card}


def is_uncertain(lead: ScoredLead, icp: Icp) -> bool:
    """True when the score is within the profile's margin of a tier line, or its confidence is low."""
    card, lines, limits = lead.scorecard, icp.tiers, icp.uncertain
    nearest = min(abs(card.score - line) for line in lines.model_dump().values())
    return nearest <= limits.tier_margin or card.confidence < limits.confidence_below


def reconcile(lead: ScoredLead, judgement: Judgement, icp: Icp) -> Qualification:
    """The scorecard with what the judgement may change of it."""
    facts = facts_of(lead)
    moves, dropped = _moves(judgement.ratings, facts, icp)
    points = round(sum(move.points for move in moves), 2)
    card = lead.scorecard
    score = min(100.0, max(0.0, one_decimal(card.score + points)))
    tier = icp.tiers.tier_of(score)
    by_rules = rules.qualify(lead, icp, score, tier)
    said = partial(_good, known=" ".join(facts.values()), dropped=dropped)
    summary = said([judgement.summary], "summary")
    steps = said(judgement.next_steps, "next step")
    objections = said(judgement.objections, "objection")
    return Qualification(
        score,
        tier,
        card.confidence,
        (*by_rules.factors, *moves),
        f"{tier} at {score:g}: {summary[0]}"[:300] if summary else by_rules.summary,
        (by_rules.next_steps[0], *(steps or by_rules.next_steps[1:])),
        objections or by_rules.objections,
        points,
        tuple(dropped),
    )


def _moves(ratings: Iterable[Judged], facts: Mapping[str, str], icp: Icp) -> tuple[list[Factor], list[str]]:
    moves: dict[str, Factor] = {}
    dropped: list[str] = []
    for judged in ratings:
        cited = [name for name in judged.evidence if name in facts]
        dropped += ["evidence unknown"] * (len(judged.evidence) - len(cited))
        share = STEPS[judged.rating]
        if not share or judged.factor in moves:
            continue
        if not cited:
            dropped.append("rating without evidence")
            continue
        weight = getattr(icp.weights, judged.factor) * MAX_MOVE
        reason = _good([judged.reason], "reason", " ".join(facts.values()), dropped)
        evidence = f"{', '.join(cited)}: {reason[0] if reason else judged.rating}"
        name = f"{judged.factor}_judged"
        moves[judged.factor] = Factor(name, share, round(weight, 4), round(weight * share, 2), evidence)
    return list(moves.values()), dropped


def _good(texts: Iterable[str], kind: str, known: str, dropped: list[str]) -> tuple[str, ...]:
    good = []
    for text in texts:
        found = faults_of(text, known)
        dropped += [f"{kind}: {fault}" for fault in found]
        if text and not found:
            good.append(text)
    return tuple(good)
