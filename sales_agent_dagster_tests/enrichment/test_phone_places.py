import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.us_places import STATES
from sales_agent_dagster.enrichment.phone_places import (
    PhonePlace,
    _name_of,
    _names_of_exchanges,
    place_of_phone,
)


@pytest.mark.parametrize(
    ("phone", "place"),
    [
        ("+12128675309", PhonePlace("New York", "NY", "America/New_York")),
        ("+15125550100", PhonePlace(None, "TX", "America/Chicago")),
        ("+12065550100", PhonePlace(None, "WA", "America/Los_Angeles")),
        ("+12025550100", PhonePlace(None, "DC", "America/New_York")),
        ("+14165550123", PhonePlace(None, None, "America/Toronto")),
        ("+18005550100", PhonePlace(None, None, None)),
        ("+18885550100", PhonePlace(None, None, None)),
        ("+1555", PhonePlace(None, None, None)),
        ("+442079460000", PhonePlace(None, None, "Europe/London")),
        ("+61255501234", PhonePlace(None, None, "Australia/Sydney")),
        ("+61812345678", PhonePlace(None, None, None)),
        ("+999123", PhonePlace(None, None, None)),
        ("+4", PhonePlace(None, None, None)),
    ],
)
def test_place_of_a_number(phone: str, place: PhonePlace) -> None:
    assert place_of_phone(phone) == place


def test_a_street_before_the_city_is_left_out() -> None:
    assert place_of_phone("+17132765555") == PhonePlace("Houston", "TX", "America/Chicago")


@given(st.from_regex(r"\+1[2-9]\d{2}[2-9]\d{6}", fullmatch=True))
def test_any_number_gives_a_known_state_or_none(phone: str) -> None:
    place = place_of_phone(phone)
    assert place.state is None or place.state in STATES
    assert place.city is None or (place.state is not None and "," not in place.city)
    assert place.timezone is None or "/" in place.timezone
    assert place == place_of_phone(phone[:-1] + "0")


def test_names_are_those_of_the_whole_geocoder() -> None:
    from phonenumbers.geodata import GEOCODE_DATA

    whole = {
        prefix: texts["en"]
        for prefix, texts in GEOCODE_DATA.items()
        if prefix.startswith("1") and "en" in texts
    }
    assert _names_of_exchanges() == whole


@pytest.mark.parametrize("phone", ["+12128675309", "+17132765555", "+15125550100", "+14165550123"])
def test_places_are_those_of_the_whole_geocoder(phone: str) -> None:
    from phonenumbers import geocoder, parse

    name = _name_of(phone[1:])
    assert name == geocoder.description_for_valid_number(parse(phone), "en")
