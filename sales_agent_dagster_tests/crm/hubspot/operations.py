"""Operations for tests."""

from __future__ import annotations

from sales_agent_dagster.crm.contract import Action, Operation, PushResult, Value
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.connector import HubSpot


def create(key: str, kind: Kind = Kind.COMPANY, to: str | None = None, **fields: Value) -> Operation:
    given = fields or {"company": f"Company {key}"}
    return Operation(f"op-{kind}-{key}", kind, Action.CREATE, key, given, company_id=to)


def update(remote_id: str, key: str = "k", kind: Kind = Kind.COMPANY, **fields: Value | None) -> Operation:
    return Operation(f"op-{remote_id}", kind, Action.UPDATE, key, fields, remote_id=remote_id)


def pushed(crm: HubSpot, *operations: Operation) -> list[PushResult]:
    """Results in the order of the operations; exactly one each."""
    results = list(crm.push(operations))
    assert sorted(one.op_id for one in results) == sorted(one.op_id for one in operations)
    by_id = {result.op_id: result for result in results}
    return [by_id[operation.op_id] for operation in operations]
