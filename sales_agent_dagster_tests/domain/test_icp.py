from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.icp import (
    LeadFeatures,
    mep_r,
    multi_oem,
    o_and_m,
    one_decimal,
    resimercial,
    score_lead,
)
from sales_agent_dagster.domain.profile import Icp, Profile, load_profile
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.settings import PROJECT_ROOT

BRANDS = ("Generac", "Generac PWRcell", "Kohler", "Cummins", "Tesla", "Carrier", "Nest", "Handmade")
NAMES = (
    "Example Co",
    "Example Electric",
    "Example Plumbing, Air & Electric",
    "Example Commercial Service",
    "Example Home Solar Repair",
    "Total Example Solutions",
)
NO_SIGNALS = dict.fromkeys(
    (
        "own_website",
        "reachable_email",
        "named_contact",
        "well_rated",
        "target_oem",
        "target_trade",
        "toll_free_only",
        "no_website",
    ),
    0.0,
)


@pytest.fixture(scope="module")
def icp() -> Icp:
    """The packaged profile's scheme: the figures below are its figures."""
    return load_profile(PROJECT_ROOT / "data" / "profile.yaml").icp


def changed(icp: Icp, **sections: Any) -> Icp:
    return Icp.model_validate(icp.model_dump() | sections)


def lead(name: str = "Example Co", brands: tuple[str, ...] = ("Generac",), **fields: Any) -> LeadFeatures:
    return LeadFeatures(name, brands=brands, **fields)


leads = st.builds(
    LeadFeatures,
    company_name=st.sampled_from(NAMES) | st.text(max_size=30),
    brands=st.lists(st.sampled_from(BRANDS), unique=True, max_size=5).map(tuple),
    capabilities=st.lists(
        st.sampled_from(["hvac", "generator", "commercial", "residential", "om_capability"]),
        unique=True,
    ).map(tuple),
    dealer_tier=st.sampled_from([None, "Elite", "Premier"]),
    industry=st.sampled_from([None, "Generator/Electrical Services", "Software"]),
    notes=st.none() | st.text(max_size=40),
    stated=st.dictionaries(
        st.sampled_from(["resimercial", "multi_oem", "mep_r", "o_and_m"]), st.floats(0, 100), max_size=3
    ),
    website=st.sampled_from(["own", "shared_platform", "none"]),
    has_email=st.booleans(),
    has_contact=st.booleans(),
    rating=st.none() | st.floats(0.1, 5),
    phone=st.sampled_from(["geographic", "toll_free", "international", "none"]),
)


@pytest.mark.parametrize(
    ("name", "elite", "brands", "capabilities", "value"),
    [
        ("Example Home & Commercial", True, ("Generac",), (), 100),
        ("Example Industrial", True, ("Generac",), (), 70),
        ("Example Home", True, ("Generac",), (), 60),
        ("Example", True, ("Generac",), (), 75),
        ("Example", False, ("Generac",), (), 50),
        ("Example", False, (), (), 40),
        ("Example", False, (), ("resimercial",), 100),
        ("Example", False, (), ("commercial", "residential"), 100),
        ("Example Home", False, (), ("commercial",), 100),
        ("Example", False, (), ("commercial",), 70),
        ("Example", False, (), ("residential",), 60),
    ],
)
def test_resimercial(
    name: str, elite: bool, brands: tuple[str, ...], capabilities: tuple[str, ...], value: float
) -> None:
    assert resimercial(lead(name, brands, capabilities=capabilities), elite).value == value


@pytest.mark.parametrize(
    ("brands", "value"),
    [
        ((), 0),
        (("Generac",), 25),
        (("Generac", "Generac PWRcell"), 25),
        (("Generac", "Cummins"), 50),
        (("Generac", "Cummins", "Handmade"), 100),
        (("Generac", "Cummins", "Tesla", "Carrier"), 100),
    ],
)
def test_multi_oem_counts_manufacturers(brands: tuple[str, ...], value: float) -> None:
    assert multi_oem(lead(brands=brands)).value == value


@pytest.mark.parametrize(
    ("name", "fields", "value", "evidence"),
    [
        ("Example Electric", {}, 50, "named: electrical"),
        ("Example Generators & Electric", {}, 50, "named: generator, electrical"),
        ("Example HVAC-Electric", {}, 75, "named: electrical, hvac"),
        ("Example Solar Roofing", {}, 50, "named: solar, roofing"),
        ("Example Plumbing A/C & Electrical", {}, 100, "named: electrical, hvac, plumbing"),
        ("Total Example", {}, 100, "full scope: total"),
        ("Example", {"industry": "Generator/Electrical Services"}, 50, "industry: generator, electrical"),
        ("Example", {"brands": ("Carrier", "Generac")}, 75, "brands: generator, hvac, battery"),
        ("Example", {"brands": ()}, 0, "no trade known"),
        ("Example Electric", {"capabilities": ("hvac",)}, 75, "named: electrical, hvac"),
        (
            "Example",
            {"capabilities": ("mep_r_contractor",)},
            100,
            "named: electrical, hvac, plumbing, roofing",
        ),
        ("Example", {"notes": "Plumbing and heating. No solar."}, 75, "named: hvac, plumbing"),
        ("Example", {"capabilities": ("adwords",), "brands": ()}, 0, "no trade known"),
    ],
)
def test_mep_r(name: str, fields: dict[str, Any], value: float, evidence: str) -> None:
    dimension = mep_r(lead(name, **fields))
    assert (dimension.value, dimension.evidence) == (value, evidence)


@pytest.mark.parametrize(
    ("name", "elite", "capabilities", "value"),
    [
        ("Example Repair Service", False, (), 100),
        ("Example Services", True, (), 75),
        ("Example Services", False, ("ops_maintenance",), 100),
        ("Example Maintenance", False, ("om_capability",), 75),
        ("Example", True, (), 60),
        ("Example Solutions", True, (), 60),
        ("Example Solutions", False, (), 50),
        ("Example", False, (), 25),
    ],
)
def test_o_and_m(name: str, elite: bool, capabilities: tuple[str, ...], value: float) -> None:
    assert o_and_m(lead(name, capabilities=capabilities), elite).value == value


@pytest.mark.parametrize(
    ("brands", "tier", "name", "score"),
    [
        (("Briggs & Stratton", "Cummins", "Generac"), "Elite", "Example Electric", 72.8),
        (("Generac",), None, "Example Electric", 40.0),
        (("Generac",), "Elite", "Example Electric", 54.0),
        (("Generac",), "Elite Plus", "Example Electric Service", 56.2),
        (("Generac", "Cummins"), "elite", "Example Electric", 60.2),
        (("Briggs & Stratton", "Generac", "Kohler"), "Premier", "Example Electric", 58.8),
        (("Generac",), "Elite", "Example Home and Commercial Services, Electric", 65.0),
        (("Generac",), "Elite", "Example Plumbing, Air and Electric", 66.5),
    ],
)
def test_worked_icp_scores(
    icp: Icp, brands: tuple[str, ...], tier: str | None, name: str, score: float
) -> None:
    assert score_lead(lead(name, brands, dealer_tier=tier), icp).icp_score == score


def test_the_worked_example_rounds_72_75_to_72_8(icp: Icp) -> None:
    stated = {"resimercial": 75.0, "multi_oem": 100.0, "mep_r": 50.0, "o_and_m": 60.0}
    card = score_lead(LeadFeatures("Example", stated=stated), changed(icp, signals=NO_SIGNALS))
    assert (card.icp_score, card.score, card.tier, card.signal_points) == (72.8, 72.8, Tier.GOLD, 0.0)
    assert {item.evidence for item in card.dimensions.values()} == {"stated in the file"}


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(60.25, 60.2), (72.75, 72.8), (56.25, 56.2), (58.75, 58.8), (0.35 * 75 + 6.25, 32.5)],
)
def test_exact_halves_round_to_even(value: float, rounded: float) -> None:
    assert one_decimal(value) == rounded


def test_an_assumed_dealer_tier_counts_where_the_list_gives_none(icp: Icp) -> None:
    assumed = changed(icp, assumed_dealer_tier="Elite")
    assert score_lead(lead("Example Electric"), assumed).icp_score == 54.0
    assert score_lead(lead("Example Electric", dealer_tier="Premier"), assumed).icp_score == 40.0
    card = score_lead(lead("Example Electric"), assumed)
    assert "assumed" in card.dimensions["resimercial"].evidence
    assert card.confidence < score_lead(lead("Example Electric", dealer_tier="Elite"), icp).confidence


def test_a_stated_dimension_wins_even_when_it_is_zero(icp: Icp) -> None:
    card = score_lead(lead("Example Repair Service", stated={"o_and_m": 0.0, "mep_r": 250.0}), icp)
    assert (card.dimensions["o_and_m"].value, card.dimensions["mep_r"].value) == (0.0, 100.0)
    assert card.dimensions["multi_oem"].value == 25.0


@pytest.mark.parametrize(
    ("fields", "signals"),
    [
        ({"website": "own"}, {"own_website": 2.0}),
        ({"website": "shared_platform"}, {}),
        ({"website": "none"}, {"no_website": -2.0}),
        ({"has_email": True, "website": "shared_platform"}, {"reachable_email": 2.0}),
        ({"has_contact": True, "website": "shared_platform"}, {"named_contact": 2.0}),
        ({"rating": 4.5, "website": "shared_platform"}, {"well_rated": 3.0}),
        ({"rating": 4.4, "website": "shared_platform"}, {}),
        ({"phone": "toll_free", "website": "shared_platform"}, {"toll_free_only": -1.0}),
        ({"phone": "toll_free", "has_second_phone": True, "website": "shared_platform"}, {}),
        (
            {"brands": ("Handmade", "Kohler"), "website": "shared_platform"},
            {"target_oem": 2.0, "target_trade": 1.0},
        ),
        (
            {"brands": ("Tesla Powerwall",), "website": "shared_platform"},
            {"target_oem": 2.0, "target_trade": 1.0},
        ),
        ({"industry": "Roofing", "website": "shared_platform"}, {}),
    ],
)
def test_signals(icp: Icp, fields: dict[str, Any], signals: dict[str, float]) -> None:
    card = score_lead(LeadFeatures("Example", **fields), icp)
    assert {name: points for name, (points, _) in card.signals.items()} == signals
    assert card.signal_points == sum(signals.values())
    assert card.score == pytest.approx(card.icp_score + card.signal_points)


def test_target_brands_are_found_in_any_spelling(icp: Icp) -> None:
    spelled = changed(icp, target_oems=["generac power systems"])
    assert "target_oem" in score_lead(lead(), spelled).signals


@given(lead=leads)
def test_scores_are_bounded_and_the_tier_follows(icp: Icp, lead: LeadFeatures) -> None:
    card = score_lead(lead, icp)
    assert 0 <= card.icp_score <= 100
    assert 0 <= card.score <= 100
    assert 0 <= card.confidence <= 1
    assert card.tier is icp.tiers.tier_of(card.score)
    assert card == score_lead(lead, icp)


@given(lead=leads, brand=st.sampled_from(BRANDS))
def test_one_more_brand_never_lowers_the_score(icp: Icp, lead: LeadFeatures, brand: str) -> None:
    more = LeadFeatures(
        **{name: getattr(lead, name) for name in lead.__dataclass_fields__}
        | {"brands": (*lead.brands, brand)}
    )
    assert score_lead(more, icp).score >= score_lead(lead, icp).score


@given(lead=leads)
def test_knowing_more_never_lowers_confidence(icp: Icp, lead: LeadFeatures) -> None:
    fields = {name: getattr(lead, name) for name in lead.__dataclass_fields__}
    more = LeadFeatures(**fields | {"has_email": True, "rating": 4.0, "dealer_tier": "Elite"})
    assert score_lead(more, icp).confidence >= score_lead(lead, icp).confidence


def test_confidence_is_the_share_of_evidence_that_was_there(icp: Icp) -> None:
    assert score_lead(LeadFeatures("Example"), icp).confidence == 0.0
    full = LeadFeatures(
        "Example Home & Commercial Electric Service",
        brands=("Generac",),
        website="own",
        has_email=True,
        has_contact=True,
        rating=4.0,
        phone="geographic",
    )
    assert score_lead(full, icp).confidence == 1.0
    # Only the brand is certain (.25), and the trade follows from it (.25 x .5): .75 x .375.
    assert score_lead(lead(), icp).confidence == 0.28


@pytest.mark.parametrize("dimension", ["resimercial", "multi_oem", "mep_r", "o_and_m"])
def test_every_weight_of_the_profile_counts(icp: Icp, dimension: str) -> None:
    weights = dict.fromkeys(("resimercial", "multi_oem", "mep_r", "o_and_m"), 0.0) | {dimension: 1.0}
    card = score_lead(
        lead("Example Electric Service", ("Generac", "Kohler"), dealer_tier="Elite"),
        changed(icp, weights=weights),
    )
    assert card.icp_score == card.dimensions[dimension].value
    assert len({item.value for item in card.dimensions.values()}) > 1


def test_the_packaged_profile_has_the_fitted_weights_and_lines(profile: Profile) -> None:
    assert profile.icp.weights.model_dump() == {
        "resimercial": 0.35,
        "multi_oem": 0.25,
        "mep_r": 0.25,
        "o_and_m": 0.15,
    }
    assert [profile.icp.tiers.tier_of(score) for score in (80, 79.9, 60, 59.9, 40, 39.9, 20, 19.9)] == [
        Tier.PLATINUM,
        Tier.GOLD,
        Tier.GOLD,
        Tier.SILVER,
        Tier.SILVER,
        Tier.BRONZE,
        Tier.BRONZE,
        Tier.UNQUALIFIED,
    ]
