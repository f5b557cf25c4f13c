"""The scorecard of a lead, and the scorecard in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sales_agent_dagster.agents.qualification.state import Factor, Qualification, ScoredLead
from sales_agent_dagster.agents.untrusted import is_nameable
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


def factors_of(card: Scorecard, icp: Icp) -> tuple[Factor, ...]:
    """The four dimensions by weight times value, then the signals that apply."""
    weights = icp.weights
    return (
        *(
            _factor(name, dimension.value, getattr(weights, name), dimension.evidence)
            for name, dimension in card.dimensions.items()
        ),
        *(_factor(name, 1.0, points, evidence) for name, (points, evidence) in card.signals.items()),
    )


@lru_cache(maxsize=16384)
def _factor(name: str, value: float, weight: float, evidence: str) -> Factor:
    return Factor(name, value, weight, round(weight * value, 2), evidence[:500])


def qualify(lead: ScoredLead, icp: Icp, score: float, tier: Tier) -> Qualification:
    """The scorecard in words, for a score and its tier. Pure."""
    return Qualification(
        score,
        tier,
        lead.scorecard.confidence,
        factors_of(lead.scorecard, icp),
        _summary(lead, score, tier),
        _next_steps(lead, tier),
        _objections(lead),
    )


def _summary(lead: ScoredLead, score: float, tier: Tier) -> str:
    card, features = lead.scorecard, lead.features
    ranked = [(dimension.value, name) for name, dimension in card.dimensions.items()]
    brands = ", ".join([maker for maker in features.makers if is_nameable(maker)][:3]) or "no known brand"
    trades = ", ".join(features.trades[:4]) or "no known trade"
    text = (
        f"{tier} at {score:g}: ICP {card.icp_score:g}, signals {card.signal_points:+g}. "
        f"Brands: {brands}; trades: {trades}. "
        f"Strongest {_LABELS[max(ranked)[1]]}, weakest {_LABELS[min(ranked)[1]]}."
    )
    return text[:300]


def _next_steps(lead: ScoredLead, tier: Tier) -> tuple[str, ...]:
    card, features = lead.scorecard, lead.features
    steps = [_FIRST_STEP[tier]]
    if tier is Tier.UNQUALIFIED:
        return tuple(steps)
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
    return tuple(steps + [step for missing, step in wanted if missing])[:MAX_STEPS]


def _objections(lead: ScoredLead) -> tuple[str, ...]:
    dimensions = lead.scorecard.dimensions
    possible = (
        (dimensions["multi_oem"].value <= 25, "Known to carry one manufacturer at most."),
        (dimensions["mep_r"].value <= 50, "Known to work in one trade at most."),
        (dimensions["o_and_m"].value <= 25, "Shows no service or maintenance business."),
    )
    return tuple(objection for applies, objection in possible if applies)
