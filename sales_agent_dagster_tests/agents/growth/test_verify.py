import pytest

from sales_agent_dagster.agents.growth.rules import measure
from sales_agent_dagster.agents.growth.state import GrowthNarrative, Play
from sales_agent_dagster.agents.growth.verify import faults
from sales_agent_dagster_tests.agents.growth.companies import company, figures, lead

LEAD = lead(
    figures(company(), *[company(more=("solar",))] * 3, *[company()] * 4), company_name="Area 51 Power"
)


@pytest.mark.parametrize(
    ("summary", "found"),
    [
        ("7 others in TX, 43 % of them with solar, says Area 51 Power.", []),
        ("Score 50 of 100.", []),
        ("It has 12 trucks.", ["number without a figure: 12"]),
        (
            "Sales grew 3.5 percent in 2025.",
            ["number without a figure: 2025", "number without a figure: 3.5"],
        ),
    ],
)
def test_every_number_needs_a_figure(summary: str, found: list[str]) -> None:
    narrative = GrowthNarrative(summary=summary, plays=[])
    assert faults(narrative, LEAD, measure(LEAD)) == found


def test_a_play_names_a_figure_and_its_numbers_count_too() -> None:
    play = Play("call", "Call 9 times.", "moon_phase", "8")
    assert faults(GrowthNarrative(summary="Fine.", plays=[play]), LEAD, measure(LEAD)) == [
        "number without a figure: 9",
        "unknown figure: moon_phase",
    ]
