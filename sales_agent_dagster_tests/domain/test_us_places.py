from __future__ import annotations

import pytest

from sales_agent_dagster.domain.us_places import (
    STATE_NAMES,
    STATES,
    city_in_state,
    city_in_zip,
    place_of_zip,
    state_of_name,
    state_of_zip,
)


def test_states_are_fifty_the_district_and_five_territories():
    assert len(STATES) == 56
    assert {"DC", "PR", "GU", "VI", "AS", "MP"} <= STATES
    assert STATE_NAMES["NH"] == "New Hampshire"


@pytest.mark.parametrize("code", sorted(STATES))
def test_every_state_is_found_by_its_name(code):
    assert state_of_name(STATE_NAMES[code]) == code
    assert state_of_name(STATE_NAMES[code].upper()) == code


def test_bare_codes_are_no_names():
    assert state_of_name("in") is None
    assert state_of_name("I.N.") == "IN"


def test_place_of_zip():
    place = place_of_zip("02134")
    assert place is not None
    assert (place.city, place.state, place.timezone) == ("Allston", "MA", "America/New_York")
    assert "Boston" in place.other_cities


@pytest.mark.parametrize("text", ["00000", "2134", "abcde", "", "\u0661\u0662\u0663\u0664\u0665", "021345"])
def test_no_place(text):
    assert place_of_zip(text) is None
    assert state_of_zip(text) is None


def test_state_of_an_unlisted_zip_is_its_prefixs():
    assert place_of_zip("02100") is None
    assert state_of_zip("02100") == "MA"


def test_military_mail_has_no_state():
    assert state_of_zip("09001") is None


def test_cities():
    assert city_in_zip("boston", "02134") == "Boston"
    assert city_in_zip("Houston", "02134") is None
    assert city_in_state("new braunfels", "TX") == "New Braunfels"
    assert city_in_state("Houston", "ZZ") is None
