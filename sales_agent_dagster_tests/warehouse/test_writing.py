from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    METADATA,
    crm_preview_records,
    imported_leads,
    lead_batches,
    lead_files,
    qualified_leads,
)
from sales_agent_dagster.warehouse.schema.columns import UtcDateTime
from sales_agent_dagster_tests.rows import CREATED, batch_row, file_row, seed_batch, stage_row


def store(warehouse: Warehouse, table: sa.Table, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Upsert, then everything the table holds as SQLAlchemy reads it."""
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, table, rows)
    with warehouse.reading() as connection:
        found = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
        return [dict(row) for row in found]


def full(table: sa.Table, row: dict[str, Any]) -> dict[str, Any]:
    return {column.name: row.get(column.name) for column in table.columns}


def test_rows_are_read_back_as_written_and_missing_ones_are_null(warehouse: Warehouse) -> None:
    row = file_row("a", columns={"Firm": "company_name", "Ünknown": None}, file_name='quo"te\t\\N\n;é.csv')
    assert store(warehouse, lead_files, row) == [full(lead_files, row)]


def test_the_same_key_again_replaces_the_whole_row(warehouse: Warehouse) -> None:
    store(warehouse, lead_files, file_row("a", encoding="utf-8", size_bytes=1), file_row("b"))
    again = file_row("a", size_bytes=2, columns=["x"])
    assert store(warehouse, lead_files, again)[0] == full(lead_files, again)
    assert store(warehouse, lead_files, again, file_row("b"))[0]["encoding"] is None


def test_the_last_row_of_a_key_counts(warehouse: Warehouse) -> None:
    first, last = file_row("a", size_bytes=1, encoding="utf-8"), file_row("a", size_bytes=2)
    assert store(warehouse, lead_files, first, file_row("b"), last)[0] == full(lead_files, last)


def test_no_rows_is_nothing_to_do(warehouse: Warehouse) -> None:
    assert store(warehouse, lead_files) == []


def test_a_key_of_two_columns_keeps_batches_apart(warehouse: Warehouse) -> None:
    seed_batch(warehouse, "batch-1", [{"lead_id": "x", "company_name": "One"}])
    seed_batch(warehouse, "batch-2", [{"lead_id": "x", "company_name": "Two"}])
    seed_batch(warehouse, "batch-2", [{"lead_id": "x", "company_name": "Three"}], batch_seq=2)
    with warehouse.reading() as connection:
        found = connection.execute(sa.select(imported_leads.c.batch_id, imported_leads.c.company_name))
        assert dict(found.tuples().all()) == {"batch-1": "One", "batch-2": "Three"}


def test_rows_of_different_shape_go_together(warehouse: Warehouse) -> None:
    found = store(warehouse, lead_files, file_row("a", encoding="utf-8"), file_row("b", remedy="Fix it."))
    assert [(row["encoding"], row["remedy"]) for row in found] == [("utf-8", None), (None, "Fix it.")]


def test_an_unknown_column_is_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="lead_files has no column colour, shape"):
        store(warehouse, lead_files, file_row("a"), file_row("b", shape=1, colour=2))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("file_name", 5),
        ("size_bytes", 1.5),
        ("size_bytes", "1"),
        ("registered_at", datetime(2026, 1, 1)),  # noqa: DTZ001
        ("columns", object()),
    ],
)
def test_a_value_of_another_type_is_refused(warehouse: Warehouse, column: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"lead_files\.{column}"):
        store(warehouse, lead_files, file_row("a", **{column: value}))


@pytest.mark.parametrize("value", ["false", 2, []])
def test_a_flag_is_true_or_false(warehouse: Warehouse, value: object) -> None:
    with pytest.raises(TypeError, match=r"imported_leads\.do_not_contact: true or false"):
        seed_batch(warehouse, leads=[{"do_not_contact": value}])


def test_a_missing_required_column_breaks_its_constraint(warehouse: Warehouse) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        store(warehouse, lead_files, {"file_id": "a"})


@pytest.mark.parametrize(("column", "value"), [("status", "lost"), ("score", 100.5), ("tier", "WOOD")])
def test_constraints_hold_and_nothing_of_the_call_stays(
    warehouse: Warehouse, column: str, value: object
) -> None:
    ids = seed_batch(warehouse, leads=[{}, {}], through="resolved_leads")
    rows = [stage_row("qualified_leads", lead_id=lead_id) for lead_id in ids]
    rows[1][column] = value
    with pytest.raises(sa.exc.IntegrityError):
        store(warehouse, qualified_leads, *rows)
    assert store(warehouse, qualified_leads) == []


def test_errors_do_not_repeat_the_values(sqlite_warehouse: Warehouse) -> None:
    with pytest.raises(sa.exc.IntegrityError) as caught:
        store(sqlite_warehouse, lead_files, file_row("a", status="ann@example.com"))
    assert "ann@example.com" not in str(caught.value)


def test_nan_is_null_and_nul_is_dropped(warehouse: Warehouse) -> None:
    lead = {
        "company_name": "A\0cme",
        "rating": float("nan"),
        "raw": {"na\0me": ["x\0", {"y": "\\u0000"}, float("nan"), 1]},
    }
    seed_batch(warehouse, leads=[lead])
    with warehouse.reading() as connection:
        row = connection.execute(sa.select(imported_leads)).mappings().one()
    assert (row["company_name"], row["rating"]) == ("Acme", None)
    assert row["raw"] == {"name": ["x", {"y": "\\u0000"}, None, 1]}


def test_times_of_any_zone_come_back_in_utc(warehouse: Warehouse) -> None:
    east = datetime(2026, 3, 1, 23, 30, 0, 7, tzinfo=timezone(timedelta(hours=5)))
    found = store(warehouse, lead_files, file_row("a", registered_at=east))[0]["registered_at"]
    assert found == east
    assert found.utcoffset() == timedelta(0)


def test_upsert_stores_exactly_what_sqlalchemy_would(warehouse: Warehouse) -> None:
    row = full(lead_files, file_row("a", columns={"a": [1, 2.5, None, True]}, registered_at=CREATED))
    with warehouse.transaction() as connection:
        connection.execute(sa.insert(lead_files).values(row))
        warehouse.upsert(connection, lead_files, [row | {"file_id": "b"}])
        texts = connection.exec_driver_sql(
            "SELECT CAST(columns AS TEXT), CAST(registered_at AS TEXT) FROM lead_files ORDER BY file_id"
        ).all()
    assert texts[0] == texts[1]


def test_enumerations_and_booleans_are_stored_by_value(warehouse: Warehouse) -> None:
    seed_batch(warehouse, leads=[{"do_not_contact": 1, "qualified_leads": {"tier": Tier.GOLD, "score": 61}}])
    with warehouse.reading() as connection:
        assert connection.execute(sa.select(qualified_leads.c.tier, qualified_leads.c.score)).one() == (
            "GOLD",
            61.0,
        )
        assert connection.scalar(sa.select(imported_leads.c.do_not_contact)) is True


def test_sqlalchemy_refuses_a_time_without_zone(warehouse: Warehouse) -> None:
    seed_batch(warehouse)
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(sa.exc.StatementError, match="zone"), warehouse.transaction() as connection:
        connection.execute(sa.update(lead_batches).values(registered_at=naive))


def test_no_time_is_null(warehouse: Warehouse) -> None:
    with warehouse.reading() as connection:
        assert connection.scalar(sa.select(sa.literal(None, UtcDateTime()))) is None


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)
integers = st.integers(-(2**63), 2**63 - 1)
moments = st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(0, 1e9) | texts
documents = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner))

batch_columns = st.fixed_dictionaries(
    {"batch_no": integers, "byte_offset": integers, "registered_at": moments, "batch_id": texts}
)
lead_columns = st.fixed_dictionaries(
    {"company_name": texts, "do_not_contact": st.booleans()},
    optional={
        "annual_revenue": st.none() | numbers,
        "employee_count": st.none() | integers,
        "rating": st.none() | st.floats(0, 5),
        "notes": st.none() | texts,
        "raw": documents,
        "extra": documents,
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(leads=st.dictionaries(texts, lead_columns, min_size=1, max_size=5), batch=batch_columns)
def test_any_row_survives_the_round_trip(
    warehouse: Warehouse, leads: dict[str, dict[str, Any]], batch: dict[str, Any]
) -> None:
    rows = [
        full(imported_leads, stage_row("imported_leads", batch["batch_id"], lead_id, **lead))
        for lead_id, lead in leads.items()
    ]
    with warehouse.transaction() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(sa.delete(table))
        warehouse.upsert(connection, lead_files, [file_row()])
        warehouse.upsert(connection, lead_batches, [batch_row(**batch)])
        warehouse.upsert(connection, imported_leads, rows)
        stored_batch = connection.execute(sa.select(lead_batches)).mappings().one()
        found = {
            row["lead_id"]: dict(row) for row in connection.execute(sa.select(imported_leads)).mappings()
        }
    assert dict(stored_batch) == batch_row(**batch)
    assert found == {row["lead_id"]: row for row in rows}


def test_a_unique_column_that_is_not_the_key_is_still_unique(warehouse: Warehouse) -> None:
    record = {"crm_record_id": "1", "entity_id": "e", "fields": {}, "updated_at": CREATED}
    store(warehouse, crm_preview_records, record)
    with pytest.raises(sa.exc.IntegrityError):
        store(warehouse, crm_preview_records, record | {"crm_record_id": "2"})
