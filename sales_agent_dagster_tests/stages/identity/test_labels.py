from __future__ import annotations

import pytest

from sales_agent_dagster.domain.errors import UnknownRecord
from sales_agent_dagster.stages.identity.labels import labels_of, partners_of, withdraw_label, write_label
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.rows import CREATED


def test_answers_are_found_from_either_lead_and_replaced(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        told = {"source": "review", "explanation": None, "now": CREATED}
        write_label(warehouse, connection, ("b", "a"), same=True, **told)
        write_label(warehouse, connection, ("b", "c"), same=False, **told)
        labels = labels_of(connection, ["b"])
        assert labels == {frozenset("ab"): True, frozenset("bc"): False}
        assert labels_of(connection, ["a"]) == {frozenset("ab"): True}
        assert partners_of(labels, ["b"]) == {"b": ["a", "c"]}
        assert partners_of(labels, ["c", "d"]) == {"c": ["b"]}
        write_label(warehouse, connection, ("a", "b"), same=False, **told)
        assert labels_of(connection, ["a"]) == {frozenset("ab"): False}


def test_a_withdrawn_answer_is_gone(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        write_label(
            warehouse, connection, ("a", "b"), same=True, source="unmerge", explanation=[1], now=CREATED
        )
        withdraw_label(connection, ("b", "a"))
        assert labels_of(connection, ["a"]) == {}
        with pytest.raises(UnknownRecord, match="a and b"):
            withdraw_label(connection, ("a", "b"))
