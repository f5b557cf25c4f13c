from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.repairs import REPAIRS
from sales_agent_dagster.domain.values.phone import TOLL_FREE, is_abroad, kind_of, read_phones, region_of

E164 = re.compile(r"\+[1-9]\d{6,14}")


@pytest.mark.parametrize(
    "text",
    [
        "(212) 555-0100",
        "2125550100",
        "212 555-0100",
        "212-555-0100",
        "212.555.0100",
        "212/555-0100",
        "+12125550100",
        "+1 (212) 555-0100",
        "1-212-555-0100",
        "12125550100",
        "2125550100.0",
        "Tel: (212) 555-0100 (office)",
        "'2125550100",
    ],
)
def test_forms_of_one_number(text):
    found = read_phones(text)
    assert (found.phone, found.ext, found.phone_2, found.kind) == ("+12125550100", None, None, "geographic")
    assert found.repairs == ()


@pytest.mark.parametrize(
    "text", ["212-555-0100 x12", "(212) 555-0100 ext. 12", "2125550100 Extension 12", "212 555 0100 #12"]
)
def test_extension_has_its_own_field(text):
    found = read_phones(text)
    assert (found.phone, found.ext) == ("+12125550100", "12")


@pytest.mark.parametrize("divider", [" / ", "/", "; ", ", ", " or ", "\n", " | "])
def test_two_numbers_in_a_cell(divider):
    found = read_phones(f"(212) 555-0100{divider}(713) 555-0199")
    assert (found.phone, found.phone_2) == ("+12125550100", "+17135550199")
    assert found.repairs == ("phone_split",)


def test_a_number_given_twice_is_one():
    assert read_phones("212-555-0100 / (212) 555-0100").phone_2 is None


@pytest.mark.parametrize("area", sorted(TOLL_FREE))
def test_toll_free(area):
    assert read_phones(f"({area}) 555-0142").kind == "toll_free"


def test_toll_free_codes_are_those_in_service():
    assert {"800", "833", "844", "855", "866", "877", "888"} == TOLL_FREE


def test_vanity_letters():
    found = read_phones("1-800-EXAMPLE")
    assert (found.phone, found.kind, found.repairs) == ("+18003926753", "toll_free", ("phone_vanity",))


def test_vanity_with_more_letters_than_digits():
    assert read_phones("1 (888) GENERATOR").phone == "+18884363728"


@pytest.mark.parametrize(
    "text",
    [
        "555-0100",
        "123",
        "112-555-0100",
        "012-555-0100",
        "211-555-0100",
        "212-911-0100",
        "212-130-0100",
        "292-555-0100",
        "2222222222",
        "0000000000",
        "2.1256E+09",
        "call us",
        "1-800-AB",
        "1-111-EXAMPLE",
        "+1 999",
        "21255501001234",
    ],
)
def test_what_is_no_number_is_flagged(text):
    found = read_phones(text)
    assert found.phone is None
    assert found.repairs == ("phone_invalid",)


@pytest.mark.parametrize("text", ["", "NaN", "n/a", "-", "None"])
def test_missing_is_not_invalid(text):
    assert read_phones(text) == (None, None, None, None, ())


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+49 30 23125123", "+493023125123"),
        ("+44 20 7946 0958", "+442079460958"),
        ("011 44 20 7946 0958", "+442079460958"),
        ("+49 (0)231 725 4809", "+492317254809"),
        ("0044 20 7946 0958 ext 7", "+442079460958"),
    ],
)
def test_other_countries(text, number):
    found = read_phones(text)
    assert (found.phone, found.kind) == (number, "international")


def test_extension_of_another_country():
    assert read_phones("+44 20 7946 0958 ext 7").ext == "7"


def test_the_country_column_decides_about_national_numbers():
    assert read_phones("020 7946 0958", "GB").phone == "+442079460958"
    assert read_phones("2079460958", "GB").phone == "+442079460958"
    assert read_phones("12 34", "GB").repairs == ("phone_invalid",)


@pytest.mark.parametrize(
    ("country", "region"),
    [
        (None, None),
        ("", None),
        ("USA", None),
        ("United States", None),
        ("Canada", None),
        ("Germany", "DE"),
        ("gb", "GB"),
        ("Narnia", None),
        ("Espa\u00f1a", "ES"),
        ("\u00d6sterreich", "AT"),
        ("The Netherlands", "NL"),
    ],
)
def test_regions(country, region):
    assert region_of(country) == region
    assert is_abroad(country or "") == (region is not None)
    assert not is_abroad("n/a")


def test_a_foreign_beside_a_local_number():
    found = read_phones("212-555-0100 / +49 30 23125123")
    assert (found.phone, found.phone_2) == ("+12125550100", "+493023125123")


@given(
    st.text(max_size=60) | st.from_regex(r"[+(]?[0-9 ().x/;-]{7,30}", fullmatch=True),
    st.sampled_from([None, "GB", "ZZ"]),
)
def test_never_raises_and_only_gives_e164(text, region):
    found = read_phones(text, region)
    for number in (found.phone, found.phone_2):
        assert number is None or E164.fullmatch(number)
    assert found.phone is not None or (found.ext, found.phone_2, found.kind) == (None, None, None)
    assert set(found.repairs) <= REPAIRS.keys()
    if found.phone:
        assert found.kind == kind_of(found.phone)
        again = read_phones(found.phone)
        assert (again.phone, again.repairs) == (found.phone, ())


@given(st.from_regex(r"[2-9][0-9]{2}[2-9][0-9]{6}", fullmatch=True))
def test_every_accepted_number_is_possible_by_googles_metadata(digits):
    found = read_phones(digits)
    if found.phone:
        assert phonenumbers.is_possible_number(phonenumbers.parse(found.phone))
