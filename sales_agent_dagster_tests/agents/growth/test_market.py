from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.agents.growth.market import UNKNOWN, Company, Gap, Market
from sales_agent_dagster_tests.agents.growth.companies import company, figures

GOLDEN = (
    # Texas: five companies. Ohio: one. Utah: three. The median territory has three.
    company("TX", 50.0, ("Generac",), ("generator",)),
    company("TX", 60.0, ("Generac", "Kohler"), ("generator", "electrical")),
    company("TX", 70.0, ("Kohler",), ("generator", "electrical")),
    company("TX", 50.0, ("Cummins",), ("solar",)),
    company("TX", None, (), ("plumbing",)),
    company("OH", 40.0, ("Generac",), ("generator",)),
    company("UT", 50.0, ("Generac",), ("generator", "electrical")),
    company("UT", 50.0, ("Generac",), ("generator", "electrical")),
    company("UT", 90.0, ("Cummins",), ("hvac",)),
    company(UNKNOWN, 55.0, ("Generac",), ("generator",)),
)


def test_figures_of_a_market_computed_by_hand() -> None:
    market = Market((one, 1) for one in GOLDEN)
    found = market.figures(GOLDEN[1])
    assert (found.territory, found.scope, found.list_leads, found.scope_leads) == ("TX", "territory", 10, 5)
    assert (found.territory_leads, found.median_territory_leads, found.territory_density) == (5, 3.0, 1.67)
    assert found.same_oem_competitors == 2  # one with Generac, one with Kohler
    assert found.same_trade_competitors == 2  # both of the others with generators
    assert found.other_brand_share == 0.5  # Cummins and no brand, of four others
    assert found.score_percentile == 0.75  # 50, 50, 60 of the four scored
    assert (found.rivals, found.rivals_below, found.rivals_level) == (2, 1, 0)
    assert (found.brand_count, found.fewer_brands_share, found.main_brand) == (2, 1.0, "Generac")
    assert found.gap_peers == 5  # the others whose main brand is Generac; its four in Texas are too few
    assert found.gaps == ()


def test_the_main_brand_is_the_one_most_companies_carry_and_the_first_by_name_among_equals() -> None:
    a, b = company(brands=("Kohler", "Cummins")), company(brands=("Kohler",))
    assert figures(a, b).main_brand == "Kohler"
    assert figures(a).main_brand == "Cummins"
    assert figures(company(brands=())).main_brand is None


@pytest.mark.parametrize(("others", "scope"), [(1, "list"), (2, "territory")])
def test_a_territory_of_fewer_than_three_is_compared_with_the_list(others: int, scope: str) -> None:
    far = [company("OH", 10.0)] * 4
    found = figures(company("TX", 20.0), *[company("TX", 30.0)] * others, *far)
    assert found.scope == scope
    assert found.territory_leads == others + 1
    assert found.score_percentile == (round(5 / 6, 3) if scope == "list" else round(1 / 3, 3))


def test_an_unknown_territory_has_no_territory_figures() -> None:
    found = figures(company(UNKNOWN), *[company(UNKNOWN)] * 9)
    assert found.scope == "list"
    assert found.territory_leads is None
    assert found.median_territory_leads is None
    assert found.territory_density is None
    assert found.same_oem_competitors is None
    assert found.same_trade_competitors is None
    assert found.rivals == 9


def test_without_brand_or_trade_nobody_is_a_rival() -> None:
    found = figures(company(brands=(), trades=()), company(), company())
    assert found.rivals == 0
    assert found.same_oem_competitors is None
    assert found.other_brand_share is None
    assert found.fewer_brands_share is None


def test_a_company_without_a_score_has_no_percentile() -> None:
    found = figures(company(score=None), company(), company())
    assert found.score_percentile is None
    assert (found.rivals, found.rivals_below, found.rivals_level) == (2, 0, 0)


def peers(count: int, having: int, **same: object) -> list[Company]:
    return [company(more=("solar",) if number < having else (), **same) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "having", "gap"),
    [
        (8, 2, Gap("solar", 2, 8, "territory", "TX")),  # exactly a quarter of them
        (9, 2, None),
        (5, 5, Gap("solar", 5, 5, "territory", "TX")),
        (4, 4, None),  # too few peers
    ],
)
def test_what_a_quarter_of_at_least_five_peers_has_is_a_gap(count: int, having: int, gap: Gap | None) -> None:
    assert figures(company(), *peers(count, having)).gaps == ((gap,) if gap else ())


def test_carriers_of_the_main_brand_are_peers_too() -> None:
    far = peers(6, 3, territory="OH")
    assert figures(company("TX"), *far).gaps == (Gap("solar", 3, 6, "brand", "Generac"),)
    assert figures(company("TX", brands=()), *far).gaps == ()


def test_gaps_come_widest_first_and_never_for_a_company_nothing_is_known_of() -> None:
    others = [company(more=("solar", "battery"))] * 3 + [company(more=("solar",))] * 3
    assert [gap.capability for gap in figures(company(), *others).gaps] == ["solar", "battery"]
    nothing = company(brands=(), trades=())
    assert (figures(nothing, *others).gaps, figures(nothing, *others).gap_peers) == ((), None)
    assert figures(company(), *others[:4]).gap_peers is None


brands = st.lists(st.sampled_from(["A", "B", "C"]), unique=True).map(lambda found: tuple(sorted(found)))
companies = st.builds(
    company,
    st.sampled_from(["TX", "OH", UNKNOWN]),
    st.one_of(st.none(), st.sampled_from([10.0, 20.0, 30.0])),
    brands,
    st.lists(st.sampled_from(["generator", "solar"]), unique=True).map(lambda found: tuple(sorted(found))),
)


@given(st.lists(companies, min_size=1, max_size=12))
def test_figures_are_what_counting_gives(population: list[Company]) -> None:
    market = Market((one, 1) for one in population)
    for index, one in enumerate(population):
        found = market.figures(one)
        others = population[:index] + population[index + 1 :]
        home = [other for other in others if other.territory == one.territory]
        small = one.territory == UNKNOWN or len(home) + 1 < 3
        scope = others if small else home
        if one.territory != UNKNOWN and one.brands:
            assert found.same_oem_competitors == sum(bool({*one.brands} & {*other.brands}) for other in home)
        rivals = [
            other for other in scope if {*one.brands} & {*other.brands} or {*one.trades} & {*other.trades}
        ]
        assert found.rivals == len(rivals)
        if one.score is not None:
            scored = [other.score for other in [*scope, one] if other.score is not None]
            lower_or_equal = sum(score <= one.score for score in scored)
            assert found.score_percentile == round(lower_or_equal / len(scored), 3)
            rival_scores = [rival.score for rival in rivals if rival.score is not None]
            assert found.rivals_below == sum(score < one.score for score in rival_scores)
            assert found.rivals_level == rival_scores.count(one.score)


@given(st.lists(companies, min_size=1, max_size=12))
def test_counted_kinds_and_single_companies_make_the_same_market(population: list[Company]) -> None:
    single = Market((one, 1) for one in population)
    counted = Market(Counter(reversed(population)).items())
    assert counted.size == single.size == len(population)
    for one in population:
        assert counted.figures(one) == single.figures(one)
