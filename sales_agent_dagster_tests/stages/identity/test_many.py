from __future__ import annotations

from sales_agent_dagster.stages.identity.many import rows_of
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import identity_labels
from sales_agent_dagster_tests.rows import CREATED

LABELS = "SELECT l.left_lead_id FROM {given} CROSS JOIN identity_labels l WHERE l.left_lead_id = given.value"


def test_values_are_bound_however_many_and_whatever_they_say(warehouse: Warehouse) -> None:
    names = ["a", "b'); DROP TABLE identity_labels; --", 'c"é']
    with warehouse.transaction() as connection:
        rows = [
            {
                "left_lead_id": name,
                "right_lead_id": "z",
                "same": True,
                "source": "review",
                "created_at": CREATED,
            }
            for name in names
        ]
        warehouse.upsert(connection, identity_labels, rows)
        wanted = [*names, *(f"x{number}" for number in range(40_000))]
        assert {row[0] for row in rows_of(connection, LABELS, wanted, str)} == set(names)
        assert rows_of(connection, LABELS, [], str) == []


def test_numbers_of_64_bits_are_kept(warehouse: Warehouse) -> None:
    large = [0, 1, 2**63 - 1]
    with warehouse.reading() as connection:
        sql = "SELECT given.value FROM {given} WHERE given.value > :least"
        assert [row[0] for row in rows_of(connection, sql, large, int, least=0)] == large[1:]
