from __future__ import annotations

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import SuppressionScope
from sales_agent_dagster.stages.crm.suppressing import (
    OPTED_OUT,
    Entry,
    Gates,
    Party,
    suppress,
    suppressed_leads,
    told_by_crm,
)
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import enrichment_suppressions, suppression
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


PARTY = {"email": "Jo@Acme.example", "phone": "(330) 555-0100", "website": "https://www.acme-power.example/a"}


def suppressed(warehouse: Warehouse, scope: SuppressionScope, value: str) -> str | None:
    """Why a party is left alone after a person asked so."""
    context = context_of(warehouse, FakeCrm(), lambda: NOW)
    party = Party("E1", PARTY, "lead_1")
    with warehouse.transaction() as connection:
        assert suppress(context, connection, [Entry(scope, value, "asked", "test")]) == 1
    with warehouse.reading() as connection:
        other = Party("E2", {"email": "al@other.example", "phone": "+13305550199"})
        gates = Gates(context, connection, [party, other])
        assert gates.reason(other) is None
        return gates.reason(party)


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        (SuppressionScope.EMAIL, "jo@acme.EXAMPLE"),
        (SuppressionScope.EMAIL, " mailto:jo@acme.example "),
        (SuppressionScope.DOMAIN, "acme.example"),
        (SuppressionScope.DOMAIN, "Acme-Power.example"),
        (SuppressionScope.DOMAIN, "http://acme-power.example/"),
        (SuppressionScope.PHONE, "+13305550100"),
        (SuppressionScope.PHONE, "330-555-0100"),
        (SuppressionScope.COMPANY, "E1"),
        (SuppressionScope.COMPANY, "fake:lead_1"),
    ],
)
def test_each_way_to_name_a_party_stops_it(
    sqlite_warehouse: Warehouse, scope: SuppressionScope, value: str
) -> None:
    assert suppressed(sqlite_warehouse, scope, value) == f"suppressed by {scope}: asked"


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        (SuppressionScope.EMAIL, "acme.example"),
        (SuppressionScope.COMPANY, "close:lead_1"),
        (SuppressionScope.COMPANY, "lead_1"),
        (SuppressionScope.DOMAIN, "example"),
    ],
)
def test_what_names_another_stops_nobody(
    sqlite_warehouse: Warehouse, scope: SuppressionScope, value: str
) -> None:
    assert suppressed(sqlite_warehouse, scope, value) is None


def test_the_first_word_stands(sqlite_warehouse: Warehouse) -> None:
    context = context_of(sqlite_warehouse, FakeCrm(), lambda: NOW)
    entry = Entry(SuppressionScope.EMAIL, "jo@acme.example", "asked", "a person")
    later = Entry(SuppressionScope.EMAIL, "JO@acme.example", "opted out of e-mail", "close")
    empty = Entry(SuppressionScope.PHONE, " ", "nobody", "close")
    with sqlite_warehouse.transaction() as connection:
        assert [suppress(context, connection, [one]) for one in (entry, later, empty)] == [1, 0, 0]
        [row] = connection.execute(sa.select(suppression)).mappings()
    assert (row["reason"], row["source"]) == ("asked", "a person")
    assert "acme" not in "".join(map(str, row.values()))


@pytest.mark.parametrize(
    ("name", "words"),
    [("existing_customer", "a customer"), ("do_not_call", "not to call"), ("email_opt_out", "not to write")],
)
def test_what_the_crm_s_own_record_says(name: str, words: str) -> None:
    assert words in str(told_by_crm({name: True}))
    assert told_by_crm({name: False}) is None
