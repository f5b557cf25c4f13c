"""How a reply is read."""

from __future__ import annotations

from sales_agent_dagster.crm.http import retry_after_of


def test_a_date_to_try_again_counts_from_that_of_the_answer() -> None:
    asked = "Wed, 21 Oct 2015 07:28:30 GMT"
    assert retry_after_of({"Retry-After": asked, "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 30.0
    assert retry_after_of({"Retry-After": asked, "Date": "Wed, 21 Oct 2015 07:29:00 GMT"}) == 0.0
    assert retry_after_of({"Retry-After": asked}) is None
    assert retry_after_of({"Retry-After": "soon", "Date": asked}) is None
    assert retry_after_of({}) is None
