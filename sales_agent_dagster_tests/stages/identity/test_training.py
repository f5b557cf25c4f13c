from __future__ import annotations

from typing import Any

from sales_agent_dagster.stages.identity.labels import derived_from, write_label
from sales_agent_dagster.stages.identity.training import answered_pairs
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.rows import CREATED


def test_what_people_said_about_pairs_of_the_leads(warehouse: Warehouse) -> None:
    told: dict[str, Any] = {"source": "review", "now": CREATED}
    with warehouse.transaction() as connection:
        write_label(warehouse, connection, ("b", "a"), same=True, explanation=None, **told)
        write_label(warehouse, connection, ("c", "b"), same=False, explanation={"prior": -9.0}, **told)
        write_label(warehouse, connection, ("a", "c"), same=True, explanation=derived_from("R", "x"), **told)
        write_label(warehouse, connection, ("a", "gone"), same=True, explanation=None, **told)
        found = answered_pairs(connection, ["c", "a", "b"])
        assert list(zip(found.left, found.right, found.same, strict=True)) == [(1, 2, True), (0, 2, False)]
        assert len(answered_pairs(connection, [])) == 0
