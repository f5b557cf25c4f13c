"""How much is sent between two looks at the suppression gates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from sales_agent_dagster.crm.contract import Operation, PushResult, Record, SuppressionScope
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm import pushing
from sales_agent_dagster.stages.crm.lease import Lease
from sales_agent_dagster.stages.crm.planning import Planned, Step
from sales_agent_dagster.stages.crm.pushing import Pusher
from sales_agent_dagster.stages.crm.stored import save_snapshots
from sales_agent_dagster.stages.crm.suppressing import Entry, suppress
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, run_sync, want


class Counting(FakeCrm):
    """Notes how many contacts each push gets."""

    def __init__(self, bulk_above: int | None) -> None:
        super().__init__(batch=20)
        self.capabilities = replace(self.capabilities, bulk_above=bulk_above)
        self.sizes: list[int] = []

    def push(self, operations: Sequence[Operation]) -> Iterator[PushResult]:
        if operations[0].kind is Kind.CONTACT:
            self.sizes.append(len(operations))
        return super().push(operations)


@pytest.mark.parametrize(
    ("bulk_above", "sizes"),
    [(None, [5, 5, 1]), (12, [5, 5, 1]), (11, [12])],
    ids=["no jobs", "too few for a job", "one job"],
)
def test_an_opt_out_stops_what_comes_after_the_group_that_is_sent(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, bulk_above: int | None, sizes: list[int]
) -> None:
    monkeypatch.setattr(pushing, "GATED", 5)
    crm = Counting(bulk_above)
    people = [{"contact_name": f"Jo {n}", "email": f"jo{n}@acme.example"} for n in range(12)]
    want(sqlite_warehouse, "batch-1", [company("E1", contacts=people)])
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)

    def opt_out(operation: Operation) -> None:
        if operation.kind is not Kind.CONTACT:
            return
        crm.before_push = lambda operation: None
        crm.tick()
        entry = Entry(SuppressionScope.EMAIL, "jo11@acme.example", "opt-out", "test")
        with sqlite_warehouse.transaction() as connection:
            suppress(context, connection, [entry])

    crm.before_push = opt_out
    card = run_sync(sqlite_warehouse, crm)
    assert crm.sizes == sizes
    assert len(crm.living(Kind.CONTACT)) == sum(sizes)
    assert card["suppression_breaches"] == 0, "what came while its group was on its way is none"


@pytest.mark.parametrize(
    ("about", "flag"),
    [
        ({"company_id": "company"}, (Kind.COMPANY, "company", "existing_customer")),
        ({"remote_id": "company", "kind": Kind.COMPANY}, (Kind.COMPANY, "company", "do_not_call")),
        ({"company_id": "another", "contact_id": "person"}, (Kind.CONTACT, "person", "email_opt_out")),
        ({"company_id": "another", "remote_id": "person"}, (Kind.CONTACT, "person", "do_not_call")),
    ],
    ids=["what hangs on a company", "the company", "a draft to a person", "the person"],
)
def test_what_the_crm_says_by_now_stops_what_was_planned_before(
    sqlite_warehouse: Warehouse, about: dict[str, Any], flag: tuple[Kind, str, str]
) -> None:
    crm = FakeCrm()
    context = context_of(sqlite_warehouse, crm, lambda: crm.now)
    planned = replace(Planned(Kind.CONTACT, "E1", "E1/jo", Step.UPDATE, "why"), **about)
    pusher = Pusher(context, Lease(context), None)
    kind, remote_id, name = flag
    for value, blocked in ((False, set()), (True, {"E1/jo"})):
        with sqlite_warehouse.transaction() as connection:
            save_snapshots(context, connection, [Record(kind, remote_id, {name: value}, crm.tick())])
            assert pusher._blocked(connection, [planned]) == blocked
