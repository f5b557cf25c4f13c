from sales_agent_dagster.agents.marketing.angles import angles_for, ordered_points
from sales_agent_dagster.agents.marketing.facts import fact_sheet
from sales_agent_dagster.agents.marketing.state import CampaignLead
from sales_agent_dagster_tests.agents.marketing.leads import FACTS, GROWTH, bare, fact, lead


def names(one: CampaignLead, lead_id: str = "lead-1") -> tuple[str, str]:
    first, second = angles_for(fact_sheet(one), lead_id)
    return first.name, second.name


def test_what_few_have_comes_first() -> None:
    assert names(lead()) == ("several_brands", "several_trades")


def test_what_many_share_is_spread_over_the_leads_and_fixed_for_each() -> None:
    one = lead(facts=[fact("brands.file", "Generac"), fact("trades.name", "electrical"), FACTS[2]])
    found = {names(one, f"lead-{number}") for number in range(60)}
    assert {first for first, _ in found} == {"service", "gap", "stand_apart", "brand", "trade"}
    assert names(one, "lead-7") == names(one, "lead-7")


def test_few_rivals_and_many_are_different_things() -> None:
    for rivals, wanted in ((4, "few_rivals"), (5, "stand_apart")):
        one = lead(
            company_name="Example Works",
            facts=[fact("brands.file", "Generac"), FACTS[2]],
            growth={**GROWTH, "same_oem_competitors": rivals, "gaps": []},
        )
        assert {first for number in range(30) for first in names(one, f"{number}")} == {wanted, "brand"}


def test_nothing_known_is_asked_about_plainly() -> None:
    assert names(bare()) == ("plain", "contracts")


def test_the_points_that_go_with_the_angle_come_first() -> None:
    points = ["crews on one schedule", "maintenance contracts", "all brands in view"]
    first, second = angles_for(fact_sheet(lead()), "lead-1")
    assert ordered_points(points, first)[0] == "all brands in view"
    assert ordered_points(points, second) == points
