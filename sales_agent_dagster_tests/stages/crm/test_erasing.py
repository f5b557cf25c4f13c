from __future__ import annotations

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import SuppressionScope
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.stages.crm.erasing import erase
from sales_agent_dagster.stages.crm.suppressing import suppressed_leads, token_of
from sales_agent_dagster.stages.crm.syncing import pending
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA, suppression
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, run_sync, want

JO = {"contact_name": "Jo Doe", "email": "Jo@acme.example"}
AL = {"contact_name": "Al Roe", "email": "al@acme.example"}


def everything(warehouse: Warehouse) -> str:
    with warehouse.reading() as connection:
        return "\n".join(
            repr(row) for table in METADATA.sorted_tables for row in connection.execute(sa.select(table))
        )


def test_nothing_of_the_person_is_left_and_nothing_comes_back(warehouse: Warehouse) -> None:
    crm = FakeCrm()
    want(
        warehouse,
        "batch-1",
        [company("E1", contacts=[JO, AL])],
        email="jo@acme.example",
        contact_name="Jo Doe",
        contact_first_name="Jo",
    )
    run_sync(warehouse, crm)
    run_sync(warehouse, crm)
    assert len(crm.living(Kind.CONTACT)) == 2
    context = context_of(warehouse, crm, lambda: crm.now)
    receipt = erase(context, " JO@acme.example ")
    assert receipt.remote == {"contact": 1}
    assert receipt.archives == ["file-batch-1"]
    assert {"imported_leads", "crm_wanted", "crm_outbox", "crm_contacts"} <= receipt.rows.keys()
    assert [record.fields["contact_name"] for record in crm.living(Kind.CONTACT)] == ["Al Roe"]
    left = everything(warehouse)
    assert "jo@acme" not in left.lower()
    assert "Jo Doe" not in left
    assert "al@acme.example" in left
    assert pending(context) == []
    want(warehouse, "batch-2", [company("E1", contacts=[JO])])
    card = run_sync(warehouse, crm)
    assert (card["created"], len(crm.living(Kind.CONTACT))) == (0, 1)
    with warehouse.reading() as connection:
        again = {"lead_id": "L", "email": "JO@acme.example", "phone": None, "website": None}
        assert suppressed_leads(connection, "pepper", [again, again | {"lead_id": "M", "email": None}]) == {
            "L": "erased"
        }
        tokens = connection.scalars(sa.select(suppression.c.token)).all()
    assert tokens == [token_of("pepper", SuppressionScope.EMAIL, "jo@acme.example")]
    assert erase(context, "jo@acme.example").remote == {}


def test_what_cannot_be_erased(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    with pytest.raises(ConfigurationError, match="no e-mail address"):
        erase(context_of(sqlite_warehouse, crm, lambda: crm.now), "Jo")
    with pytest.raises(ConfigurationError, match="live"):
        erase(context_of(sqlite_warehouse, crm, lambda: crm.now, live=False), "jo@acme.example")
