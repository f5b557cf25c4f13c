"""Companies and leads for tests of the growth agent."""

from sales_agent_dagster.agents.growth.market import Company, Figures, Market
from sales_agent_dagster.agents.growth.state import GrowthLead


def company(
    territory: str = "TX",
    score: float | None = 50.0,
    brands: tuple[str, ...] = ("Generac",),
    trades: tuple[str, ...] = ("generator",),
    more: tuple[str, ...] = (),
) -> Company:
    return Company(territory, score, brands, trades, frozenset((*trades, *more)))


def figures(of: Company, *others: Company) -> Figures:
    return Market((one, 1) for one in (of, *others)).figures(of)


def lead(found: Figures, lead_id: str = "lead-1", **values: object) -> GrowthLead:
    given = {
        "company_name": "Example Power",
        "o_and_m": 50.0,
        "has_phone": True,
        "has_email": False,
        "has_own_website": True,
    }
    return GrowthLead(lead_id=lead_id, figures=found, **{**given, **values})
