from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.matching.places import area_code, place_conflict, same_town
from sales_agent_dagster_tests.matching.records import record


@pytest.mark.parametrize(
    ("phone", "code"),
    [
        ("+12025550101", "202"),
        ("+18005550101", None),
        ("+18885550101", None),
        ("+442071234567", None),
        ("+1202555010", None),
    ],
)
def test_area_code(phone: str, code: str | None):
    assert area_code(phone) == code


@pytest.mark.parametrize(
    ("left", "right", "conflict"),
    [
        ({"state": "OH"}, {"state": "TX"}, "states OH and TX"),
        (
            {"state": "OH", "phone": "+12165550101"},
            {"state": "TX", "phone": "+12165550102"},
            "states OH and TX",
        ),
        ({"state": "OH", "city": "Akron"}, {"state": "OH", "city": "Toledo"}, "cities Akron and Toledo"),
        ({"state": "OH", "city": "Akron"}, {"state": "OH", "city": "AKRON"}, None),
        (
            {"state": "OH", "city": "Akron", "phone": "+13305550101"},
            {"state": "OH", "city": "Akron", "phone": "+12165550101"},
            None,
        ),
        (
            {"state": "OH", "city": "Akron", "phone": "+13305550101"},
            {"state": "OH", "city": "Kent", "phone": "+13305550102"},
            None,
        ),
        ({"phone": "+13305550101"}, {"phone": "+12165550101"}, "area codes 330 and 216"),
        ({"phone": "+13305550101"}, {"phone": "+18005550101"}, None),
        ({"phones": ("+18005550101", "+13305550101")}, {"phone": "+13305550102"}, None),
        ({}, {}, None),
        ({"state": "OH"}, {"city": "Akron"}, None),
    ],
)
def test_place_conflict(left: dict[str, Any], right: dict[str, Any], conflict: str | None):
    assert place_conflict(record(**left), record(**right)) == conflict
    assert (place_conflict(record(**right), record(**left)) is None) == (conflict is None)


def test_a_town_needs_city_and_state():
    assert same_town(record(city="Akron", state="OH"), record(city="akron", state="OH"))
    assert not same_town(record(city="Akron"), record(city="Akron"))
    assert not same_town(record(state="OH"), record(state="OH"))
    assert not same_town(record(city="Akron", state="OH"), record(city="Akron", state="NY"))
