from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.repairs import REPAIRS
from sales_agent_dagster.domain.us_places import STATES
from sales_agent_dagster.domain.values.address import read_address


def read(street="", city="", state="", zip_code="", country="", whole=""):
    found = read_address(street, city, state, zip_code, country, whole)
    return (found.street, found.city, found.state, found.zip_code), found.repairs


def test_a_clean_address_is_left_alone():
    assert read("1200 Example Dr", "Houston", "TX", "77002") == (
        ("1200 Example Dr", "Houston", "TX", "77002"),
        [],
    )


def test_zip_plus_four_is_kept_apart():
    for text in ("77002-1234", "770021234", "77002 1234"):
        found = read_address("", "", "", text, "")
        assert (found.zip_code, found.zip4, found.state) == ("77002", "1234", "TX")


@pytest.mark.parametrize(
    ("text", "state", "code", "repairs"),
    [
        ("2451", "MA", "02451", ["zip_padded"]),
        ("7022.0", "New Jersey", "07022", ["zip_padded", "state_code"]),
        ("601", "PR", "00601", ["zip_padded"]),
        ("2451-1234", "MA", "02451", ["zip_padded"]),
        ("2451", "TX", None, ["zip_invalid"]),
        ("2451", "", None, ["zip_invalid"]),
        ("77002.0", "TX", "77002", []),
        ("'07022", "NJ", "07022", []),
        ("ABC", "TX", None, ["zip_invalid"]),
        ("123456", "TX", None, ["zip_invalid"]),
        ("", "TX", None, []),
        ("NaN", "TX", None, []),
    ],
)
def test_zip(text, state, code, repairs):
    found = read_address("", "", state, text, "")
    assert (found.zip_code, found.repairs) == (code, repairs)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("TX", "TX"),
        ("TEXAS", "TX"),
        ("Texas", "TX"),
        ("new jersey", "NJ"),
        ("NewYork", "NY"),
        ("Calif.", "CA"),
        ("N.Y.", "NY"),
        ("District of Columbia", "DC"),
        ("Puerto Rico", "PR"),
        ("Tx", "TX"),
        ("tx", "TX"),
        ("ox", None),
        ("ew", None),
        ("ws", None),
        ("ZZ", None),
        ("Ontario", None),
        ("", None),
    ],
)
def test_state(text, code):
    found = read_address("", "", text, "", "")
    assert found.state == code
    if code is None and text:
        assert found.repairs == ["state_invalid"]
    if code not in (None, text):
        assert found.repairs == ["state_code"]


def test_a_lower_case_code_may_be_the_tail_of_a_cut_word():
    assert read("12 Elm St Aust", "xyz", "in")[0][2] is None
    assert read("12 Elm St", "Houston", "tx")[0][2] == "TX"
    assert read("12 Elm St", "houst", "tx", "77002")[0][2] == "TX"


def test_state_garbage_is_replaced_by_the_zips_state():
    assert read("po box 12", "Houston", "ox", "77002") == (
        ("po box 12", "Houston", "TX", "77002"),
        ["state_invalid", "state_from_zip"],
    )


def test_a_zip_without_its_zero_is_confirmed_by_the_city_where_the_state_is_garbage():
    assert read("1 a st", "plainfield", "ew", "1070")[0] == ("1 a st", "Plainfield", "MA", "01070")
    assert read("1 a st", "plainfield", "in", "1070")[0][2:] == ("MA", "01070")
    assert read("1 a st", "plainfield", "IN", "1070")[0][2:] == ("IN", None)
    assert read("1 a st", "plainfield", "", "1070")[0][3] is None
    assert read("1 a st", "houston", "ew", "1070")[0][3] is None


def test_a_zip_of_another_state_is_flagged():
    assert read("1 A St", "Houston", "MA", "77002")[1] == ["state_zip_mismatch"]


@pytest.mark.parametrize(
    "city", ["Springfield, SOUTH CAROLINA 29146", "Springfield, SC 29146", "Springfield SC 29146"]
)
def test_city_that_holds_state_and_zip(city):
    assert read(city=city) == ((None, "Springfield", "SC", "29146"), ["address_split"])


def test_city_that_holds_a_state():
    assert read(city="Houston, Texas, United States") == ((None, "Houston", "TX", None), ["address_split"])


@pytest.mark.parametrize(
    ("cells", "fields"),
    [
        (("1200 example dr houst", "on", "TX", "77002"), ("1200 example dr", "Houston")),
        (("1200 example dr Aust", "in", "TX", "78701"), ("1200 example dr", "Austin")),
        (("500 5th ave Napl", "es", "FL", ""), ("500 5th ave", "Naples")),
        (("12 elm new braun", "fels", "TX", "78130"), ("12 elm", "New Braunfels")),
        (("12 elm new braun", "fels", "TX", ""), ("12 elm", "New Braunfels")),
        (("12 Elm St Bost", "On", "MA", "02108"), ("12 Elm St", "Boston")),
        (("803 oak street new", "york", "NY", "10177"), ("803 oak street", "New York")),
    ],
)
def test_a_cut_city_is_joined_again(cells, fields):
    (street, city, _, _), repairs = read(*cells)
    assert (street, city) == fields
    assert repairs == ["city_rejoined"]


@pytest.mark.parametrize(
    ("cells", "fields"),
    [
        (("12 oak st", "reet millbrook", "NY", "12545"), ("12 oak street", "Millbrook")),
        (("7616 n 5th a", "ve willowbrook", "IL", "60527"), ("7616 n 5th ave", "Willowbrook")),
        (("12 oak ave", "nue oak park", "IL", "60302"), ("12 oak avenue", "Oak Park")),
        (("12 oak ave", "nue oak park", "IL", ""), ("12 oak avenue", "Oak Park")),
        (("1 main st", "unit c elm grove", "WI", "53122"), ("1 main st unit c", "Elm Grove")),
        (("1 main st", "unit c elm grove", "WI", ""), ("1 main st unit c", "Elm Grove")),
        (("22 broad st", "n fairview", "NJ", "07022"), ("22 broad st n", "Fairview")),
        (("22 broad st", "sw fairview", "NJ", ""), ("22 broad st sw", "Fairview")),
    ],
)
def test_street_leftovers_move_out_of_the_city(cells, fields):
    (street, city, _, _), repairs = read(*cells)
    assert (street, city) == fields
    assert repairs == ["city_stripped"]


@pytest.mark.parametrize(
    "cells",
    [("1 a st", "qzxv", "TX", "77002"), ("1 a st", "zz qq", "", ""), ("1 a st", "blue houston", "TX", "")],
)
def test_what_nothing_confirms_is_kept_and_flagged(cells):
    (street, city, _, _), repairs = read(*cells)
    assert (street, city) == ("1 a st", cells[1].title())
    assert repairs == ["city_unconfirmed"]


@pytest.mark.parametrize(
    ("city", "shown", "repairs"),
    [
        ("HOUSTON", "Houston", ["city_case"]),
        ("houston", "Houston", ["city_case"]),
        ("Houston", "Houston", []),
        ("QZX HEIGHTS", "Qzx Heights", ["city_case"]),
        ("Qzx Heights", "Qzx Heights", []),
    ],
)
def test_case_of_the_city(city, shown, repairs):
    assert read("1 A St", city, "TX", "77002") == (("1 A St", shown, "TX", "77002"), repairs)


@pytest.mark.parametrize(
    "street",
    [
        "8 mi0.0(0)0.0 out of 5 stars. 1200 example dr",
        "12.5 mi4.8(120)4.8 out of 5 stars 1200 example dr",
        "4.8 out of 5 stars. 1200 example dr",
        "8 mi 1200 example dr",
        "8 miles away 1200 example dr",
    ],
)
def test_scraped_card_text_is_cut_from_the_street(street):
    assert read(street, "Houston", "TX", "77002") == (
        ("1200 example dr", "Houston", "TX", "77002"),
        ["street_prefix"],
    )


def test_a_street_of_miles_is_none_of_it():
    assert read("8 Mile Rd", "Detroit", "MI", "48203")[0][0] == "8 Mile Rd"


WHOLE = ("1 Main St", "Springfield", "IL", "62701")


@pytest.mark.parametrize(
    "text",
    [
        "1 Main St, Springfield, IL 62701",
        "1 Main St, Springfield, Illinois 62701, USA",
        "1 Main St Springfield, IL 62701",
        "1 Main St Springfield IL 62701",
        "1 Main St, Springfield, Illinois, United States, 62701",
        "8 mi0.0(0)0.0 out of 5 stars. 1 Main St, Springfield, IL 62701",
    ],
)
def test_one_cell_with_the_whole_address(text):
    assert read(whole=text)[0] == WHOLE
    assert read(street=text)[0] == WHOLE
    assert "address_split" in read(whole=text)[1]


@pytest.mark.parametrize(
    "text", ["Springfield, IL 62701", "Springfield IL 62701", "Springfield, Illinois, 62701"]
)
def test_one_cell_with_a_place_alone(text):
    assert read(whole=text)[0] == (None, "Springfield", "IL", "62701")
    assert read(street=text)[0] == (None, "Springfield", "IL", "62701")


def test_a_city_without_a_comma_before_it_is_one_that_the_state_knows():
    assert read(whole="1 Main St Nowhereville, IL 62701")[0][1] is None
    assert read(whole="Nowhereville, IL 62701")[0][0] == "Nowhereville, IL 62701"
    assert read(whole="12 Lake Mills, WI")[0][1] is None


def test_the_whole_address_only_gives_what_the_cells_lack():
    whole = "1 Main St, Springfield, IL 62701"
    assert read(street="2 Oak St", city="Springfield", state="IL", whole=whole) == (
        ("2 Oak St", "Springfield", "IL", None),
        [],
    )
    assert read(city="Springfield", state="IL", whole=whole)[0] == WHOLE
    assert read(whole="somewhere")[0] == ("somewhere", None, None, None)


def test_other_countries_have_no_state_and_zip_of_ours():
    found = read_address("1 Front St", "Toronto", "ON", "M5V 2T6", "Canada")
    assert (found.street, found.city, found.state, found.zip_code) == ("1 Front St", "Toronto", None, None)
    assert (found.country, found.repairs) == ("Canada", ["address_not_us"])


@pytest.mark.parametrize("country", ["US", "USA", "United States", "Puerto Rico", "u.s.a."])
def test_ours(country):
    assert read_address("", "", "PR", "", country).state == "PR"


_piece = st.sampled_from(
    [
        "12 oak st",
        "reet",
        "millbrook",
        "Houst",
        "on",
        "TX",
        "ox",
        "77002",
        "2451",
        "Springfield, SC 29146",
        "USA",
        "8 mi",
        "",
    ]
)
_cell = st.text(max_size=25) | st.lists(_piece, max_size=3).map(" ".join)


@given(_cell, _cell, _cell, _cell, st.sampled_from(["", "US", "Canada"]), _cell)
def test_nothing_raises_and_everything_has_its_shape(street, city, state, zip_code, country, whole):
    found = read_address(street, city, state, zip_code, country, whole)
    assert found.state is None or found.state in STATES
    assert found.zip_code is None or (len(found.zip_code) == 5 and found.zip_code.isdigit())
    assert found.zip4 is None or len(found.zip4) == 4
    assert "" not in (found.street, found.city, found.country)
    assert set(found.repairs) <= REPAIRS.keys()
