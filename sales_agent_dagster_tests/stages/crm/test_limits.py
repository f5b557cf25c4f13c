from __future__ import annotations

import pytest

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.settings import CrmSettings
from sales_agent_dagster.stages.crm.limits import Limits
from sales_agent_dagster.stages.crm.planning import Planned, Step


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
