import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.agents.growth import rules
from sales_agent_dagster.agents.growth.market import MIN_TERRITORY, UNKNOWN, Company, Figures, Market
from sales_agent_dagster.agents.growth.state import GrowthLead, Measures
from sales_agent_dagster.agents.growth.verify import figures_of
from sales_agent_dagster.agents.untrusted import numbers_in
from sales_agent_dagster_tests.agents.growth.companies import company, figures, lead
from sales_agent_dagster_tests.agents.growth.test_market import GOLDEN, companies


def golden(index: int, **values: object) -> tuple[GrowthLead, Measures]:
    one = lead(Market((each, 1) for each in GOLDEN).figures(GOLDEN[index]), **values)
    return one, rules.measure(one)


def test_the_expansion_score_of_a_company_computed_by_hand() -> None:
    _, found = golden(1)
    assert {part.name: (part.weight, part.points) for part in found.components} == {
        "territory_room": (15, 9.0),  # 15 / 1.67
        "brand_room": (15, 7.5),  # half of the others carry neither brand
        "peer_gap": (25, 0.0),
        "multi_brand": (20, 20.0),  # all others carry fewer
        "service_business": (15, 7.5),  # 50 of 100
        "reach": (10, 6.7),  # phone and website of three
    }
    assert found.expansion_score == 50.7


def test_a_component_without_a_figure_is_left_out_and_the_rest_scaled() -> None:
    of = company(UNKNOWN, brands=())
    found = rules.measure(lead(figures(of, company(), company()), o_and_m=None))
    points = {part.name: part.points for part in found.components}
    assert points == {
        "territory_room": None,
        "brand_room": None,
        "peer_gap": None,
        "multi_brand": None,
        "service_business": None,
        "reach": 6.7,
    }
    assert found.expansion_score == 67.0
    words = {part.name: part.figure for part in found.components}
    assert words["territory_room"] == "territory unknown"
    assert words["peer_gap"] == "too little known to compare with peers"
    assert words["brand_room"] == words["multi_brand"] == "no known brand"


def test_the_only_company_of_a_list_has_no_others_to_be_compared_with() -> None:
    found = rules.measure(lead(figures(company())))
    words = {part.name: (part.points, part.figure) for part in found.components}
    assert words["brand_room"] == words["multi_brand"] == (None, "no other company")


def test_gaps_earn_their_shares_up_to_all_points() -> None:
    half = figures(company(), *[company(more=("solar",))] * 3, *[company()] * 3)
    assert rules.measure(lead(half)).components[2].points == 12.5
    many = figures(company(), *[company(more=("solar", "battery"))] * 5)
    assert rules.measure(lead(many)).components[2].points == 25.0


def test_weights_sum_to_100() -> None:
    assert sum(rules.WEIGHTS.values()) == 100


@pytest.mark.parametrize(
    ("below", "level", "above", "position"),
    [
        (3, 0, 1, "leader"),
        (2, 2, 0, "leader"),
        (5, 1, 2, "challenger"),
        (0, 4, 0, "challenger"),
        (2, 0, 3, "challenger"),
        (1, 1, 2, "follower"),
        (0, 0, 2, "follower"),
    ],
)
def test_market_position_follows_the_share_beaten(below: int, level: int, above: int, position: str) -> None:
    others = [*[company(score=40.0)] * below, *[company(score=50.0)] * level, *[company(score=60.0)] * above]
    assert rules.market_position(figures(company(score=50.0), *others)) == position


def test_market_position_of_the_rivalless_and_of_the_unscored() -> None:
    other = company(brands=("Carrier",), trades=("hvac",))
    assert rules.market_position(figures(company(), other, other)) == "alone"
    assert rules.market_position(figures(company(score=None), other)) is None


def test_the_words_say_where_the_company_stands() -> None:
    one, found = golden(1)
    assert rules.narrate(one, found).summary == (
        "One of 5 companies of the list in TX; 2 of the others there carry one of its brands. "
        "Challenger among 2 rivals in TX: 1 score lower, 0 the same. Expansion score 50.7."
    )


def test_small_and_unknown_territories_are_said_to_be_so() -> None:
    small = lead(figures(company("OH"), company("TX"), company("TX")))
    assert rules.narrate(small, rules.measure(small)).summary.startswith(
        "Fewer than 3 companies of the list in OH (1), compared with all 3."
    )
    unknown = lead(figures(company(UNKNOWN, brands=(), trades=()), company(UNKNOWN)))
    assert rules.narrate(unknown, rules.measure(unknown)).summary == (
        "Territory unknown, compared with all 2 companies of the list. "
        "Alone on the whole list: no other company shares a brand or trade. Expansion score 56.8."
    )
    unscored = lead(figures(company(score=None), company(), company()))
    assert "Not scored, so not ranked." in rules.narrate(unscored, rules.measure(unscored)).summary


def plays(found: Figures, **values: object) -> dict[str, str]:
    one = lead(found, **values)
    return {play.play: play.text for play in rules.narrate(one, rules.measure(one)).plays}


def test_plays_rest_on_figures() -> None:
    gap = figures(company(score=60.0), *[company(more=("solar", "hvac"))] * 5)
    assert plays(gap) == {
        "ask_about_capability": "Ask about heating and cooling: heating and cooling at 5 of 5 others in TX; "
        "not seen here.",
        "stand_apart": "Ask what sets it apart: 5 others in TX carry Generac.",
        "build_service": "Ask how service is sold: little service work seen (50 of 100).",
    }
    brands = figures(company(score=60.0, brands=("Cummins", "Generac")), *[company()] * 3)
    assert plays(brands, o_and_m=75.0) == {
        "several_brands": "Lead with one view over 2 brands.",
        "service_contracts": "Lead with maintenance contracts: service work is rated 75 of 100.",
        "reference_account": "Treat as a reference account: 3 of 3 rivals in TX score lower.",
    }
    assert plays(figures(company(), *[company()] * 4), o_and_m=None) == {}


@given(
    st.lists(companies, min_size=1, max_size=12),
    st.one_of(st.none(), st.sampled_from([0.0, 25.0, 100.0])),
    st.booleans(),
)
def test_scores_stay_in_range_and_every_number_is_a_figure(
    population: list[Company], o_and_m: float | None, known: bool
) -> None:
    market = Market((one, 1) for one in population)
    for one in population:
        this = lead(market.figures(one), o_and_m=o_and_m, has_phone=known, has_own_website=known)
        found = rules.measure(this)
        assert 0 <= found.expansion_score <= 100
        assert all(0 <= part.points <= part.weight for part in found.components if part.points is not None)
        narrative = rules.narrate(this, found)
        cited = (*figures_of(this, found).values(), *(part.figure for part in found.components))
        said = (narrative.summary, *(f"{play.text} {play.value}" for play in narrative.plays))
        assert set(numbers_in(" ".join(said))) <= set(numbers_in(f"{cited} {MIN_TERRITORY}"))
        assert rules.narrate(this, rules.measure(this)) == narrative
