from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.headers import map_header
from sales_agent_dagster.domain.repairs import REPAIRS
from sales_agent_dagster.domain.rows import RowFault, RowReader
from sales_agent_dagster_tests.domain.test_headers import (
    APOLLO_PEOPLE,
    DEALER_SCRAPER,
    HUBSPOT_CONTACTS,
    IMPORT_9,
    SALESFORCE_LEADS,
)
from sales_agent_dagster_tests.domain.test_rows import NOTES, lead, read, repairs


class TestNameFromDomain:
    """Contact exports without a company column."""

    def test_of_the_email(self):
        row = lead(HUBSPOT_CONTACTS, Email="jane@northwind-power.example")
        assert row["company_name"] == "Northwind Power"
        assert repairs(row) == ["name_from_domain"]

    def test_of_the_website(self):
        row = lead(HUBSPOT_CONTACTS, Website__URL="https://www.northwind.example/", Email="jane@gmail.com")
        assert row["company_name"] == "Northwind"

    def test_of_a_name_cell_that_holds_an_address(self):
        row = lead("company,phone", company="https://northwind.example/")
        assert (row["company_name"], row["website"]) == ("Northwind", "https://northwind.example/")
        assert lead("company,phone", company="jane@northwind.example")["company_name"] == "Northwind"

    @pytest.mark.parametrize(
        "cells",
        [
            {"Email": "jane@gmail.com"},
            {"Website__URL": "https://northwind.business.site/"},
            {"Website__URL": "https://www.facebook.com/northwind"},
            {"Email": "jane@nosuch.tld"},
            {"Company__Name": "NaN"},
            {},
        ],
    )
    def test_not_of_shared_hosts(self, cells):
        fault = read(HUBSPOT_CONTACTS, **cells)
        assert isinstance(fault, RowFault)
        assert (fault.field, fault.value, fault.reason_code) == ("company_name", None, "name_missing")


class TestWidth:
    """Rows with other numbers of cells than the header."""

    reader = RowReader(map_header(["company", "phone"]))

    def test_missing_cells_are_empty(self):
        row = self.reader.read(["Northwind"])
        assert (row["company_name"], row["repairs"]) == ("Northwind", "row_padded")

    def test_empty_surplus_is_dropped(self):
        row = self.reader.read(["Northwind", "", " ", ""])
        assert row["repairs"] == "row_trimmed"

    def test_a_filled_surplus_is_a_fault(self):
        cells = ["Northwind", "2125550100", "", "what\x00"]
        fault = self.reader.read(cells)
        assert (fault.field, fault.value, fault.reason_code) == ("row", "what", "too_many_cells")
        assert self.reader.raw_cells(cells) == {
            "company": "Northwind",
            "phone": "2125550100",
            "column 4": "what",
        }


def test_a_repeated_header_is_a_fault():
    reader = RowReader(map_header(["Company", "Phone"]))
    assert reader.read(["Company", "Phone"]).reason_code == "header_repeated"


def test_long_cells_are_cut():
    row = lead(IMPORT_9, company_name="N" + "o" * 400, industry="x" * 300, notes="y" * 20_000)
    assert [len(str(row[name])) for name in ("company_name", "industry", "notes")] == [255, 255, 10_000]
    assert len(row["raw"]["notes"]) == 10_000
    assert repairs(row) == ["text_cut"]


def test_control_characters_are_removed_and_line_breaks_become_spaces():
    row = lead(IMPORT_9, company_name="North\x00wind\nElectric\u200b", industry="Solar\n&  HVAC")
    assert (row["company_name"], row["industry"]) == ("Northwind Electric", "Solar & HVAC")
    assert row["raw"]["company_name"] == "Northwind\nElectric"


def test_wrongly_decoded_text_is_repaired_and_raw_kept():
    row = lead(IMPORT_9, company_name="Tester\u00e2\u20ac\u2122s Electric")
    assert row["company_name"] == "Tester\u2019s Electric"
    assert row["raw"]["company_name"] == "Tester\u00e2\u20ac\u2122s Electric"
    assert repairs(row) == ["text_decoded"]


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "@SUM(A1)", "+1+1 Electric", "-2+3 Electric"])
def test_formulas_are_data(cell):
    row = read(IMPORT_9, company_name=cell, industry=cell)
    assert isinstance(row, RowFault) or row["industry"] == cell


_cell = (
    st.text(max_size=30)
    | st.sampled_from(
        [
            "NaN",
            "",
            "LLC",
            "0",
            "7.5",
            "2125550100",
            "a@b.com",
            "TX",
            "2134",
            "nan",
            NOTES,
            "ox",
            "https://x.com",
        ]
    )
    | st.from_regex(r"[0-9$.,%-]{1,8}", fullmatch=True)
)


@pytest.mark.parametrize(
    "header", [IMPORT_9, DEALER_SCRAPER, APOLLO_PEOPLE, SALESFORCE_LEADS, HUBSPOT_CONTACTS]
)
@given(data=st.data())
def test_any_row_gives_values_that_the_table_takes(header, data):
    names = header.split(",")
    reader = RowReader(map_header(names))
    filled = data.draw(st.dictionaries(st.integers(0, len(names) - 1), _cell, max_size=12))
    cells = [filled.get(column, "") for column in range(len(names))]
    row = reader.read(cells)
    if isinstance(row, RowFault):
        assert row.reason
        return
    json.dumps(row, allow_nan=False).encode("utf-8")
    assert row["company_name"].strip()
    assert set(repairs(row)) <= REPAIRS.keys()
    for name, value in row.items():
        assert value != "", name
        assert (
            not isinstance(value, str)
            or value.casefold() not in ("nan", "null")
            or name.startswith("contact")
        )
        assert not isinstance(value, str) or "\x00" not in value
    assert row["rating"] is None or 0 < row["rating"] <= 5
    assert row["source_icp_score"] is None or 0 <= row["source_icp_score"] <= 100
    assert (row["phone"] is None) == (row["phone_kind"] is None)
