from __future__ import annotations

from sales_agent_dagster.domain.counted import count


def test_numbers_with_their_nouns() -> None:
    assert count(1, "row") == "1 row"
    assert count(1200, "row") == "1,200 rows"
    assert count(2, "company", "companies") == "2 companies"
