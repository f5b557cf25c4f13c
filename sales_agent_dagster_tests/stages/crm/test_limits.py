from __future__ import annotations

import pytest

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.settings import CrmSettings
from sales_agent_dagster.stages.crm.limits import Limits
from sales_agent_dagster.stages.crm.planning import Planned, Step
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, rewant, run_sync, want


def planned(kind: Kind, step: Step = Step.CREATE, number: int = 1) -> list[Planned]:
    return [Planned(kind, f"E{n}", f"E{n}", step, "why") for n in range(number)]


@pytest.mark.parametrize(
    ("limit", "kind", "step", "words"),
    [
        ("max_creates", Kind.COMPANY, Step.CREATE, "companies and contacts to create"),
        ("max_creates", Kind.CONTACT, Step.CREATE, "companies and contacts to create"),
        ("max_updates", Kind.COMPANY, Step.UPDATE, "companies and contacts to update"),
        ("max_activities", Kind.NOTE, Step.CREATE, "notes and drafts to create"),
        ("max_activities", Kind.EMAIL_DRAFT, Step.CREATE, "notes and drafts to create"),
    ],
)
def test_each_limit(limit: str, kind: Kind, step: Step, words: str) -> None:
    limits = Limits(CrmSettings.model_validate({limit: 2}))
    assert limits.within(planned(kind, step, 2)) == planned(kind, step, 2)
    assert limits.words() is None
    assert limits.within(planned(kind, step, 1300)) == []
    told = limits.words()
    assert told == (
        f"The limit of a sync is reached: 1,300 {words} (limit 2, SALES_AGENT_CRM__{limit.upper()}) stay due."
    )
    others = [(Kind.NOTE, Step.CREATE), (Kind.COMPANY, Step.CREATE), (Kind.CONTACT, Step.UPDATE)]
    free = [Limits(CrmSettings.model_validate({limit: 0})).within(planned(*one)) for one in others]
    assert sum(map(len, free)) == 2


def test_each_limit_is_its_own_and_says_what_is_left(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    leads = want(sqlite_warehouse, "batch-1", [company(f"E{n}", score=1.0) for n in range(4)])
    run_sync(sqlite_warehouse, crm, max_creates=4)
    changed = [company(f"E{n}", score=2.0) for n in range(4)]
    rewant(sqlite_warehouse, "batch-1", leads, changed, at=crm.tick())
    want(sqlite_warehouse, "batch-2", [company(f"F{n}") for n in range(3)])
    card = run_sync(sqlite_warehouse, crm, max_creates=1, max_updates=2)
    assert (card["created"], card["updated"]) == (1, 2)
    assert card["stopped"] == (
        "The limit of a sync is reached: 2 companies and contacts to update (limit 2, "
        "SALES_AGENT_CRM__MAX_UPDATES); 2 companies and contacts to create (limit 1, "
        "SALES_AGENT_CRM__MAX_CREATES) stay due."
    )
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["updated"], card["stopped"]) == (2, 2, None)
