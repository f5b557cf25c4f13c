from typing import Any

import pytest

from sales_agent_dagster.agents.qualification.rules import features_of, qualify, score
from sales_agent_dagster.agents.qualification.state import Qualification
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster_tests.agents.qualification.test_graph import lead


def answer(profile: Profile, **columns: Any) -> Qualification:
    scored = score(lead(**columns), profile.icp)
    return qualify(scored, profile.icp, scored.scorecard.score, scored.scorecard.tier)


def test_features_of_a_full_row() -> None:
    features = features_of(
        lead(
            website_host="example.generacdealers.com",
            email="a@example.com",
            contact_name="Jordan Example",
            rating=4.5,
            phone_kind="toll_free",
            phone_2="+15550100199",
            dealer_tier="Elite",
            capabilities="hvac, commercial",
            oems="B&S, Generac",
            source_mep_r=75.0,
            source_o_and_m=0.0,
        )
    )
    assert features.website == "shared_platform"
    assert features.brands == ("Briggs & Stratton", "Generac")
    assert features.capabilities == ("hvac", "commercial")
    assert features.stated == {"mep_r": 75.0, "o_and_m": 0.0}
    assert (features.has_email, features.has_contact, features.has_second_phone) == (True, True, True)
    assert (features.phone, features.rating, features.dealer_tier) == ("toll_free", 4.5, "Elite")


@pytest.mark.parametrize(
    ("host", "website"), [(None, "none"), ("example.com", "own"), ("facebook.com", "shared_platform")]
)
def test_kind_of_website(host: str | None, website: str) -> None:
    assert features_of(lead(website_host=host)).website == website


def test_factors_add_up_to_the_score(profile: Profile) -> None:
    result = answer(
        profile, oems="Generac, Kohler", website_host="example.com", email="a@example.com", rating=5.0
    )
    assert [factor.name for factor in result.factors] == [
        "resimercial",
        "multi_oem",
        "mep_r",
        "o_and_m",
        "own_website",
        "reachable_email",
        "well_rated",
        "target_oem",
        "target_trade",
    ]
    assert all(factor.points == pytest.approx(factor.weight * factor.value) for factor in result.factors)
    assert sum(factor.points for factor in result.factors) == pytest.approx(result.score, abs=0.06)


def test_summary_and_steps_of_a_thin_lead(profile: Profile) -> None:
    result = answer(profile, oems="Generac")
    assert result.summary == (
        "SILVER at 41: ICP 40, signals +1. Brands: Generac; trades: generator, electrical, battery. "
        "Strongest resimercial, weakest multi-OEM."
    )
    assert result.next_steps == (
        "Put into the standard sequence.",
        "Find the name of the owner or general manager.",
        "Find an e-mail address.",
        "Look for a website to confirm what they do.",
        "Find a phone number.",
    )
    assert result.objections == (
        "Known to carry one manufacturer at most.",
        "Known to work in one trade at most.",
        "Shows no service or maintenance business.",
    )


def test_steps_of_a_strong_lead_ask_for_nothing_that_is_known(profile: Profile) -> None:
    result = answer(
        profile,
        company_name="Example Home & Commercial Plumbing, Air, Electric Service and Repair",
        oems="Generac, Kohler, Carrier",
        website_host="example.com",
        email="a@example.com",
        contact_name="Jordan Example",
        phone_kind="geographic",
    )
    assert result.score == 100.0
    assert result.next_steps == ("Call the owner this week and offer a demo.",)
    assert result.objections == ()


def test_a_toll_free_number_asks_for_a_local_one(profile: Profile) -> None:
    known = {"contact_name": "J", "email": "a@example.com", "website_host": "example.com", "oems": "Generac"}
    assert (
        "Find a local number; the one known is toll-free."
        in answer(profile, phone_kind="toll_free", **known).next_steps
    )


def test_an_unqualified_lead_is_left_alone(profile: Profile) -> None:
    result = answer(profile, company_name="Example Bakery")
    assert result.next_steps == ("Do not pursue; look again when the list is refreshed.",)
    assert "no known brand; trades: no known trade" in result.summary
