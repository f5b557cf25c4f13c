"""Ids in both forms."""

from itertools import islice

import pytest

from sales_agent_dagster_tests.salesforce_server.ids import ids, normal, with_checksum


def test_the_checksum_is_the_documented_one() -> None:
    # An id of the examples in the REST API's guide.
    assert with_checksum("001D000000IRFma") == "001D000000IRFmaIAH"


def test_both_forms_are_one_id_and_case_counts() -> None:
    made = list(islice(ids("00Q"), 100))
    assert len({one.casefold() for one in made}) == len(set(made)) == 100
    assert len({one[:15].casefold() for one in made}) < 100
    assert all(normal(one[:15]) == normal(one) == one for one in made)


@pytest.mark.parametrize("given", ["", "00Q", "00Q5e0000000001AAB", "00Q5e000000000!", "x" * 16])
def test_what_is_no_id(given: str) -> None:
    assert normal(given) is None
