from __future__ import annotations

import pytest
import sqlalchemy as sa

from sales_agent_dagster.stages.crm.suppressing import OPTED_OUT, Gates, Party, suppressed_leads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import enrichment_suppressions
from sales_agent_dagster_tests.conftest import NOW
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import context_of

LEAD = {
    "lead_id": "L1",
    "email": "Jo@acme.example",
    "phone": None,
    "website": "https://www.acme.example/about",
}
OTHER = {"lead_id": "L2", "email": "al@other.example", "phone": None, "website": None}


@pytest.mark.parametrize("value", ["jo@acme.example", "acme.example"])
def test_who_told_a_provider_of_facts_is_left_alone_everywhere(warehouse: Warehouse, value: str) -> None:
    with warehouse.transaction() as connection:
        row = {"value": value, "provider": "hunter_verifier", "created_at": NOW}
        connection.execute(sa.insert(enrichment_suppressions), [row])
    crm = FakeCrm()
    parties = [Party("E1", LEAD), Party("E2", OTHER)]
    with warehouse.reading() as connection:
        gates = Gates(context_of(warehouse, crm, lambda: NOW), connection, parties)
        found = suppressed_leads(connection, "pepper", [LEAD, OTHER])
    assert found == {"L1": OPTED_OUT}
    assert gates.reason(parties[0]) == f"suppressed: {OPTED_OUT}"
    assert gates.reason(parties[1]) is None
