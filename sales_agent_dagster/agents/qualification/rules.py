"""The deterministic answer to the qualification question, and the facts it is given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sales_agent_dagster.agents.qualification.state import Factor, Qualification, ScoredLead
from sales_agent_dagster.agents.runtime import redact
from sales_agent_dagster.domain.icp import DIMENSIONS, LeadFeatures, Scorecard, Website, score_lead
from sales_agent_dagster.domain.oems import parse_brands
from sales_agent_dagster.domain.profile import Icp
from sales_agent_dagster.domain.shared_hosts import is_shared_host
from sales_agent_dagster.domain.tiers import Tier

_LABELS = {"resimercial": "resimercial", "multi_oem": "multi-OEM", "mep_r": "MEP+R", "o_and_m": "O&M"}
_FIRST_STEP = {
    Tier.PLATINUM: "Call the owner this week and offer a demo.",
    Tier.GOLD: "Write this week and call within ten days.",
    Tier.SILVER: "Put into the standard sequence.",
    Tier.BRONZE: "Nurture: no call until more is known.",
    Tier.UNQUALIFIED: "Do not pursue; look again when the list is refreshed.",
}
MAX_STEPS = 5


def features_of(lead: Mapping[str, Any]) -> LeadFeatures:
    """Features of an imported row: its columns by name, with ``oems`` those of the whole company."""
    host = lead["website_host"]
    website: Website = "none"
    if host is not None:
        website = "shared_platform" if is_shared_host(host) else "own"
    stated = {name: value for name in DIMENSIONS if (value := lead[f"source_{name}"]) is not None}
    return LeadFeatures(
        company_name=lead["company_name"],
        brands=tuple(parse_brands(lead["oems"])),
        capabilities=tuple(lead["capabilities"].split(", ")) if lead["capabilities"] else (),
        dealer_tier=lead["dealer_tier"],
        industry=lead["industry"],
        notes=lead["notes"],
        stated=stated,
        website=website,
        has_email=lead["email"] is not None,
        has_contact=lead["contact_name"] is not None,
        rating=lead["rating"],
        phone=lead["phone_kind"] or "none",
        has_second_phone=lead["phone_2"] is not None,
    )


def score(lead: Mapping[str, Any], icp: Icp) -> ScoredLead:
    """Features and scorecard of an imported row."""
    features = features_of(lead)
    return ScoredLead(lead["lead_id"], features, score_lead(features, icp))


def factors_of(card: Scorecard, icp: Icp) -> list[Factor]:
    """The four dimensions by weight times value, then the signals that apply."""
    weights = icp.weights
    dimensions = [
        _factor(name, dimension.value, getattr(weights, name), dimension.evidence)
        for name, dimension in card.dimensions.items()
    ]
    signals = [_factor(name, 1.0, points, evidence) for name, (points, evidence) in card.signals.items()]
    return dimensions + signals


@lru_cache(maxsize=16384)
def _factor(name: str, value: float, weight: float, evidence: str) -> Factor:
    points = round(weight * value, 2)
    return Factor(name=name, value=value, weight=weight, points=points, evidence=evidence[:500])


def qualify_by_rules(lead: ScoredLead, icp: Icp) -> Qualification:
    """The scorecard as an answer. Pure."""
    card = lead.scorecard
    return Qualification(
        score=card.score,
        confidence=card.confidence,
        factors=factors_of(card, icp),
        summary=_summary(lead),
        next_steps=_next_steps(lead),
        objections=_objections(lead),
    )


def _summary(lead: ScoredLead) -> str:
    card, features = lead.scorecard, lead.features
    ranked = [(dimension.value, name) for name, dimension in card.dimensions.items()]
    brands = ", ".join(features.makers[:3]) or "no known brand"
    trades = ", ".join(features.trades[:4]) or "no known trade"
    text = (
        f"{card.tier} at {card.score:g}: ICP {card.icp_score:g}, signals {card.signal_points:+g}. "
        f"Brands: {brands}; trades: {trades}. "
        f"Strongest {_LABELS[max(ranked)[1]]}, weakest {_LABELS[min(ranked)[1]]}."
    )
    return text[:300]


def _next_steps(lead: ScoredLead) -> list[str]:
    card, features = lead.scorecard, lead.features
    steps = [_FIRST_STEP[card.tier]]
    if card.tier is Tier.UNQUALIFIED:
        return steps
    wanted = (
        (not features.has_contact, "Find the name of the owner or general manager."),
        (not features.has_email, "Find an e-mail address."),
        (features.website == "none", "Look for a website to confirm what they do."),
        (features.phone == "toll_free", "Find a local number; the one known is toll-free."),
        (features.phone == "none", "Find a phone number."),
        (card.dimensions["o_and_m"].certainty < 1, "Ask whether they do service and maintenance work."),
        (card.dimensions["resimercial"].certainty < 1, "Ask whether they serve homes, businesses or both."),
        (len(features.makers) < 2, "Ask which other manufacturers they carry."),
    )
    return (steps + [step for missing, step in wanted if missing])[:MAX_STEPS]


def _objections(lead: ScoredLead) -> list[str]:
    dimensions = lead.scorecard.dimensions
    possible = (
        (dimensions["multi_oem"].value <= 25, "Known to carry one manufacturer at most."),
        (dimensions["mep_r"].value <= 50, "Known to work in one trade at most."),
        (dimensions["o_and_m"].value <= 25, "Shows no service or maintenance business."),
    )
    return [objection for applies, objection in possible if applies]


def payload_of(lead: ScoredLead, icp: Icp) -> dict[str, object]:
    """What a model needs to know, JSON-ready; no person, e-mail address or phone number."""
    features, card = lead.features, lead.scorecard
    return {
        "company_name": redact(features.company_name, 120),
        "brands": features.brands,
        "trades": features.trades,
        "capabilities": features.capabilities,
        "dealer_tier": features.dealer_tier,
        "industry": redact(features.industry, 120) if features.industry else None,
        "notes": redact(features.notes, 500) if features.notes else None,
        "website": features.website,
        "has_email": features.has_email,
        "has_contact": features.has_contact,
        "rating": features.rating,
        "phone": features.phone,
        "scorecard": {
            "score": card.score,
            "icp_score": card.icp_score,
            "dimensions": {
                name: {"value": item.value, "weight": getattr(icp.weights, name), "evidence": item.evidence}
                for name, item in card.dimensions.items()
            },
            "signals": card.signals,
        },
    }
