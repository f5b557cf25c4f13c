from __future__ import annotations

import pyarrow as pa
import pytest

from sales_agent_dagster.matching.home_numbers import ABROAD_FROM, with_trunk_zero
from sales_agent_dagster.matching.web_keys import read_phone


def read(phones: list[str], countries: list[str] | None = None) -> list[str]:
    given = None if countries is None else pa.array(countries, pa.string())
    cells = with_trunk_zero(pa.array(phones, pa.string()), given)
    return [read_phone(cell)[0] for cell in cells.to_pylist()]


@pytest.mark.parametrize(
    ("country", "forms"),
    [
        (
            "Spain",
            (
                "91 302 20 15",
                "(91) 302-20-15",
                "+34 91 302 20 15",
                "0034913022015",
                "913022015 ext. 4",
                "91 302 20 15 X4",
            ),
        ),
        ("Espa\u00f1a", ("91 302 20 15", "+34 913022015")),
        ("Denmark", ("33 12 34 56", "+45 33123456")),
        ("IN", ("98765 43210", "+91 98765 43210", "098765 43210")),
        ("United Kingdom", ("020 7946 0018", "+44 (0)20 7946 0018")),
        ("Deutschland", ("030/1234567", "+49 30 1234567")),
        ("Italy", ("06 1234 5678", "+39 06 1234 5678")),
    ],
)
def test_a_number_is_the_same_with_its_country_and_without(country: str, forms: tuple[str, ...]) -> None:
    found = read(list(forms), [country] * len(forms))
    assert len(set(found)) == 1
    assert found[0].startswith("0")


@pytest.mark.parametrize("country", ["USA", "", "Canada", "n/a"])
def test_numbers_of_north_america_are_read_as_ever(country: str) -> None:
    assert read(["(212) 555-0199", "91 302 20 15"], [country, country]) == ["2125550199", ""]


def test_each_row_has_its_own_country() -> None:
    assert read(["212 555 0199", "91 302 20 15"], ["US", "ES"]) == ["2125550199", "0913022015"]


@pytest.mark.parametrize("cell", ["call us", "1-800-FLOWERS", "91 302 20 15 / 91 302 20 16", "12345", ""])
def test_what_is_no_single_number_stays_as_it_is(cell: str) -> None:
    cells = pa.array([cell], pa.string())
    assert with_trunk_zero(cells, pa.array(["Spain"])).equals(cells)


def coded(count: int, code: str = "+34") -> list[str]:
    return [f"{code} 91 302 {2000 + number}" for number in range(count)]


@pytest.mark.parametrize("countries", [None, [""]])
def test_numbers_with_a_code_speak_for_the_others_of_their_list(countries: list[str] | None) -> None:
    def first(*others: str) -> str:
        phones = ["91 302 20 15", *others]
        return read(phones, None if countries is None else countries * len(phones))[0]

    assert first(*coded(ABROAD_FROM)) == "0913022015"
    assert first(*coded(ABROAD_FROM - 1)) == ""
    assert first(*coded(ABROAD_FROM), *["", ""] * 200) == "0913022015"
    assert first(*coded(ABROAD_FROM), *["91 302 20 16"] * 10 * ABROAD_FROM) == ""
    assert first(*coded(ABROAD_FROM), *coded(ABROAD_FROM // 2, "+49")) == ""


def test_the_code_of_north_america_changes_nothing() -> None:
    phones = ["212 555 0199", *[f"+1 212 555 {2000 + number}" for number in range(ABROAD_FROM)]]
    assert read(phones)[0] == "2125550199"
