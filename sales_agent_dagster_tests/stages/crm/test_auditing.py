"""The second look at what was sent finds what gates that fail let through."""

from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.crm.contract import SuppressionScope
from sales_agent_dagster.stages.crm.suppressing import Entry, Gates, suppress
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, run_sync, want

JO = {"contact_name": "Jo", "email": "jo@mail.example", "phone": "+13305550117"}


@pytest.mark.parametrize(
    ("scope", "value", "breaches"),
    [
        (SuppressionScope.DOMAIN, "acme.example", 2),  # the company's, and so of all that hangs on it
        (SuppressionScope.EMAIL, "jo@mail.example", 1),
        (SuppressionScope.PHONE, "+13305550117", 1),
        (SuppressionScope.COMPANY, "E1", 2),
        (SuppressionScope.COMPANY, "E2", 0),
    ],
)
def test_each_operation_about_somebody_suppressed_counts(
    sqlite_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    scope: SuppressionScope,
    value: str,
    breaches: int,
) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1", website="https://acme.example", contacts=[JO])])
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    with sqlite_warehouse.transaction() as connection:
        suppress(context, connection, [Entry(scope, value, "asked", "a person")])

    def lets_all_through(*_: Any) -> None:
        return None

    monkeypatch.setattr(Gates, "reason", lets_all_through)
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["suppression_breaches"]) == (2, breaches)
    crm.tick()
    assert run_sync(sqlite_warehouse, crm)["suppression_breaches"] == 0, "each sync tells its own"
