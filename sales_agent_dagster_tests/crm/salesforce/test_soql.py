"""Whatever is quoted stays a value."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st
from simple_salesforce import format_soql

from sales_agent_dagster.crm.salesforce.soql import MAX_CONDITION, any_of, like, moment, one_of, quoted
from sales_agent_dagster_tests.salesforce_server.schema import standard_objects
from sales_agent_dagster_tests.salesforce_server.soql import parse

OBJECTS = standard_objects()
NASTY = st.text(st.sampled_from("'\\\"%_ORn\n\t() =é🚀")) | st.text()


def holds(condition: str, **record: str) -> bool:
    return parse(f"SELECT Id FROM Lead WHERE {condition}", OBJECTS).where.holds(record.get)


@settings(max_examples=50, deadline=None)
@given(NASTY, NASTY)
def test_a_quoted_value_equals_itself_and_nothing_else(value: str, other: str) -> None:
    condition = f"Company = {quoted(value)}"
    assert quoted(value) == format_soql("{}", value)
    assert holds(condition, Company=value)
    assert holds(condition, Company=other) is (value.casefold() == other.casefold())


@settings(max_examples=30, deadline=None)
@given(NASTY, NASTY, NASTY)
def test_a_pattern_finds_its_parts_in_order(before: str, value: str, after: str) -> None:
    assert holds(f"Company LIKE {like(value)}", Company=before + value + after)
    assert holds(f"Company LIKE {like(value, after)}", Company=before + value + before + after + value)


def test_wildcards_in_a_pattern_are_escaped() -> None:
    assert like("50%_\\", "'") == "'%50\\%\\_\\\\%\\'%'"


@settings(max_examples=20, deadline=None)
@given(st.lists(NASTY, min_size=1, max_size=8))
def test_lists_hold_every_value_once(values: list[str]) -> None:
    conditions = list(one_of("Company", [*values, *values]))
    assert all(any(holds(one, Company=value) for one in conditions) for value in values)


def test_long_lists_are_cut_to_what_a_url_takes() -> None:
    values = [f"{'ü' * 60} {number}" for number in range(500)]
    conditions = list(one_of("Company", values))
    assert len(conditions) > 1
    assert all(len(quote(one, safe="")) < MAX_CONDITION * 1.2 for one in conditions)
    either = list(any_of([f"Company = {quoted(value)}" for value in values]))
    assert sum(one.count("Company =") for one in either) == 500
    assert all(any(holds(one, Company=value) for one in either) for value in values[::50])


def test_times_are_in_utc_and_without_quotes() -> None:
    east = datetime.fromisoformat("2026-03-02T10:30:00.9+01:00")
    assert moment(east) == "2026-03-02T09:30:00Z" == moment(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
