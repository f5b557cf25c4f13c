"""The ideal customer profile as a score: four dimensions, their weights, signals, tier, confidence.

``ICP = sum(weight x dimension)``, to one decimal, halves to even; with the profile's default weights
``.35 resimercial + .25 multi-OEM + .25 MEP+R + .15 O&M``. Example: three brands (100), an Elite dealer
(75 and 60) of one trade (50) is .35*75 + .25*100 + .25*50 + .15*60 = 72.75, so 72.8.
The weights and the values a rule can give were fitted to scored dealer lists (largest error 0.09).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from sales_agent_dagster.domain.oems import canonical, maker_of
from sales_agent_dagster.domain.profile import Icp, Signals
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.domain.trades import in_trade_order, trades_in, trades_of_brands
from sales_agent_dagster.domain.wording import Wording, affirmed, read_wording

Website = Literal["own", "shared_platform", "none"]
DIMENSIONS = ("resimercial", "multi_oem", "mep_r", "o_and_m")
WELL_RATED = 4.5
"""Stars from which a lead counts as well rated."""

_BRAND_SCORES = (0.0, 25.0, 50.0, 100.0)
_TRADE_SCORES = (0.0, 50.0, 75.0, 100.0)
# Trades that are one letter of MEP+R: mechanical, electrical, plumbing, roofing or solar.
_GROUPS = {
    "hvac": "mechanical",
    "electrical": "electrical",
    "generator": "electrical",
    "battery": "electrical",
    "ev_charging": "electrical",
    "plumbing": "plumbing",
    "roofing": "roofing or solar",
    "solar": "roofing or solar",
}
_CAPABILITY_TRADES = {
    "hvac": ("hvac",),
    "solar": ("solar",),
    "inverters": ("solar",),
    "microinverters": ("solar",),
    "generator": ("generator",),
    "battery": ("battery",),
    "plumbing": ("plumbing",),
    "electrical": ("electrical",),
    "roofing": ("roofing",),
    "mep_contractor": ("hvac", "electrical", "plumbing"),
    "mep_r_contractor": ("hvac", "electrical", "plumbing", "roofing"),
}
_MAINTENANCE_CAPABILITIES = frozenset({"ops_maintenance", "om_capability"})


@dataclass(frozen=True, slots=True)
class LeadFeatures:
    """The fields a lead is judged by; None and empty mean unknown, never "no".

    Attributes:
        brands: canonical names.
        capabilities: capability columns that are true, such as ``hvac`` or ``commercial``.
        dealer_tier: the manufacturer's dealer tier.
        stated: dimension scores the source file states, by name in ``DIMENSIONS``; these win.
        website: own site, a page on a platform that many firms share, or none.
        phone: kind of the first number.
    """

    company_name: str
    brands: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    dealer_tier: str | None = None
    industry: str | None = None
    notes: str | None = None
    stated: Mapping[str, float] = field(default_factory=dict)
    website: Website = "none"
    has_email: bool = False
    has_contact: bool = False
    rating: float | None = None
    phone: Literal["geographic", "toll_free", "international", "none"] = "none"
    has_second_phone: bool = False

    @property
    def text(self) -> str:
        """What the company says of itself: its name and the affirmed part of its notes."""
        return f"{self.company_name}; {affirmed(self.notes)}" if self.notes else self.company_name

    @property
    def wording(self) -> Wording:
        """Words about customers and service in ``text``."""
        return read_wording(self.text)

    @property
    def named_trades(self) -> tuple[str, ...]:
        """Trades that the name, the notes or a capability column name."""
        return _named_trades(self.text, self.capabilities) if self.capabilities else trades_in(self.text)

    @property
    def trades(self) -> tuple[str, ...]:
        """Every trade seen: named ones and those of the brands; of the industry when there is neither."""
        return _all_trades(self.named_trades, self.brands, self.industry)

    @property
    def makers(self) -> tuple[str, ...]:
        """Distinct manufacturers; product lines of one maker count once."""
        return _makers(self.brands)


@lru_cache(maxsize=16384)
def _named_trades(text: str, capabilities: tuple[str, ...]) -> tuple[str, ...]:
    capable = (trade for name in capabilities for trade in _CAPABILITY_TRADES.get(name, ()))
    return in_trade_order((*trades_in(text), *capable))


@lru_cache(maxsize=16384)
def _all_trades(named: tuple[str, ...], brands: tuple[str, ...], industry: str | None) -> tuple[str, ...]:
    return in_trade_order((*named, *trades_of_brands(brands))) or trades_in(industry)


@lru_cache(maxsize=16384)
def _makers(brands: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(maker_of(brand) for brand in brands))


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension's score.

    Attributes:
        value: 0-100.
        evidence: what it rests on, for a person.
        certainty: 1 stated or named, 0.5 assumed or inferred, 0 nothing found.
    """

    value: float
    evidence: str
    certainty: float


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A lead's score with everything that made it.

    Attributes:
        icp_score: weighted sum of the dimensions, one decimal.
        signals: points and evidence by signal, only those that apply.
        score: ``icp_score`` plus the signals, held to 0-100, one decimal.
        confidence: share of the evidence that was available, 0-1.
    """

    dimensions: Mapping[str, Dimension]
    icp_score: float
    signals: Mapping[str, tuple[float, str]]
    signal_points: float
    score: float
    tier: Tier
    confidence: float


def score_lead(lead: LeadFeatures, icp: Icp) -> Scorecard:
    """Score a lead by the profile's scheme. Pure: equal inputs give equal scorecards."""
    tier = lead.dealer_tier or icp.assumed_dealer_tier
    elite = "elite" in tier.lower().split() if tier else False
    dimensions = {
        "resimercial": _stated(lead, "resimercial") or resimercial(lead, elite),
        "multi_oem": _stated(lead, "multi_oem") or multi_oem(lead),
        "mep_r": _stated(lead, "mep_r") or mep_r(lead),
        "o_and_m": _stated(lead, "o_and_m") or o_and_m(lead, elite),
    }
    weights = _weights(icp)
    icp_score = one_decimal(sum(weights[name] * dimension.value for name, dimension in dimensions.items()))
    signals = signals_of(lead, icp)
    points = sum(value for value, _ in signals.values())
    score = min(100.0, max(0.0, one_decimal(icp_score + points)))
    return Scorecard(
        dimensions=dimensions,
        icp_score=icp_score,
        signals=signals,
        signal_points=round(points, 2),
        score=score,
        tier=icp.tiers.tier_of(score),
        confidence=_confidence(lead, dimensions, icp),
    )


def _weights(icp: Icp) -> dict[str, float]:
    weights = icp.weights
    return {
        "resimercial": weights.resimercial,
        "multi_oem": weights.multi_oem,
        "mep_r": weights.mep_r,
        "o_and_m": weights.o_and_m,
    }


def one_decimal(value: float) -> float:
    """Round to one decimal, exact halves to even (60.25 to 60.2, 72.75 to 72.8).

    The first rounding removes what binary sums of decimal weights add in the last places.
    """
    return round(round(value, 6), 1)


def _stated(lead: LeadFeatures, name: str) -> Dimension | None:
    value = lead.stated.get(name)
    return None if value is None else Dimension(min(100.0, max(0.0, value)), "stated in the file", 1.0)


def resimercial(lead: LeadFeatures, elite: bool) -> Dimension:
    """Serves homes and businesses: 100 both, 70 businesses, 60 homes, 75 Elite dealer, 50 dealer, 40 unclear.

    A word in the name outranks the dealer tier even where it scores less.
    """
    words, abilities = lead.wording, lead.capabilities
    commercial = words.commercial or ("commercial column" if "commercial" in abilities else None)
    residential = words.residential or ("residential column" if "residential" in abilities else None)
    if commercial and residential:
        return Dimension(100.0, f"homes and businesses: {residential}, {commercial}", 1.0)
    if "resimercial" in abilities:
        return Dimension(100.0, "homes and businesses: resimercial column", 1.0)
    if commercial:
        return Dimension(70.0, f"businesses: {commercial}", 1.0)
    if residential:
        return Dimension(60.0, f"homes: {residential}", 1.0)
    if elite:
        return _elite(lead, 75.0)
    if lead.brands:
        return Dimension(50.0, "a dealer; customers not named", 0.0)
    return Dimension(40.0, "customers unclear", 0.0)


def _elite(lead: LeadFeatures, value: float) -> Dimension:
    if lead.dealer_tier:
        return Dimension(value, f"dealer tier {lead.dealer_tier}", 1.0)
    return Dimension(value, "dealer tier Elite, assumed by the profile", 0.5)


def multi_oem(lead: LeadFeatures) -> Dimension:
    """Manufacturers carried: 25 one, 50 two, 100 three or more, 0 none known."""
    makers = lead.makers
    if not makers:
        return Dimension(0.0, "no brand known", 0.0)
    return Dimension(_BRAND_SCORES[min(len(makers), 3)], f"{len(makers)}: {', '.join(makers[:6])}", 1.0)


def mep_r(lead: LeadFeatures) -> Dimension:
    """Trades of mechanical, electrical, plumbing, roofing or solar: 50 one, 75 two, 100 three or more.

    Trades come from the name, the notes and capability columns; failing those from the industry, then from
    the brands. A name that claims full scope ("total", "full service") is 100. No trade at all is 0.
    """
    if lead.wording.full_scope:
        return Dimension(100.0, f"full scope: {lead.wording.full_scope}", 1.0)
    if lead.named_trades:
        return _covering("named", lead.named_trades, 1.0)
    if trades := trades_in(lead.industry):
        return _covering("industry", trades, 0.5)
    if trades := trades_of_brands(lead.brands):
        return _covering("brands", trades, 0.5)
    return Dimension(0.0, "no trade known", 0.0)


def _covering(source: str, trades: tuple[str, ...], certainty: float) -> Dimension:
    groups = {_GROUPS[trade] for trade in trades}
    return Dimension(_TRADE_SCORES[min(len(groups), 3)], f"{source}: {', '.join(trades)}", certainty)


def o_and_m(lead: LeadFeatures, elite: bool) -> Dimension:
    """Service and maintenance work: 100 two keywords, 75 one, 60 Elite dealer, 50 service-like name, else 25.

    Keywords: service, repair, maintenance, emergency, 24/7, support.
    """
    found = lead.wording.operations
    if not _MAINTENANCE_CAPABILITIES.isdisjoint(lead.capabilities) and "maintenance" not in found:
        found = (*found, "maintenance")
    if found:
        return Dimension(75.0 if len(found) == 1 else 100.0, f"named: {', '.join(found)}", 1.0)
    if elite:
        return _elite(lead, 60.0)
    if lead.wording.service_like:
        return Dimension(50.0, f"service-like name: {lead.wording.service_like}", 0.5)
    return Dimension(25.0, "no service work named", 0.0)


_SIGNALS = tuple(Signals.model_fields)
_SIGNAL_RULES: dict[str, Callable[[LeadFeatures], str | None]] = {
    "own_website": lambda lead: "has its own website" if lead.website == "own" else None,
    "reachable_email": lambda lead: "has an e-mail address" if lead.has_email else None,
    "named_contact": lambda lead: "names a contact" if lead.has_contact else None,
    "well_rated": lambda lead: (
        f"rated {lead.rating:g}" if lead.rating is not None and lead.rating >= WELL_RATED else None
    ),
    "toll_free_only": lambda lead: (
        "only a toll-free number" if lead.phone == "toll_free" and not lead.has_second_phone else None
    ),
    "no_website": lambda lead: "no website" if lead.website == "none" else None,
}


def signals_of(lead: LeadFeatures, icp: Icp) -> dict[str, tuple[float, str]]:
    """Points and evidence of every signal that the lead shows and the profile gives points for."""
    shown = {name: evidence for name, rule in _SIGNAL_RULES.items() if (evidence := rule(lead))}
    brand = _target_brand(lead.brands, tuple(icp.target_oems))
    if brand:
        shown["target_oem"] = f"carries {brand}"
    trade = next((trade for trade in lead.trades if trade in icp.target_trades), None)
    if trade:
        shown["target_trade"] = f"works in {trade}"
    points = {name: getattr(icp.signals, name) for name in _SIGNALS if name in shown}
    return {name: (value, shown[name]) for name, value in points.items() if value}


@lru_cache(maxsize=16384)
def _target_brand(brands: tuple[str, ...], targets: tuple[str, ...]) -> str | None:
    wanted = {canonical(target) or target for target in targets}
    return next((brand for brand in brands if brand in wanted or maker_of(brand) in wanted), None)


def _confidence(lead: LeadFeatures, dimensions: Mapping[str, Dimension], icp: Icp) -> float:
    """``0.75 x sum(weight x certainty) + 0.25 x share of the five contact fields known``, two decimals.

    The five: website, e-mail, contact, rating, phone.
    """
    weights = _weights(icp)
    certain = sum(weights[name] * dimension.certainty for name, dimension in dimensions.items())
    known = (
        lead.website != "none",
        lead.has_email,
        lead.has_contact,
        lead.rating is not None,
        lead.phone != "none",
    )
    return round(min(1.0, 0.75 * certain + 0.05 * sum(known)), 2)
