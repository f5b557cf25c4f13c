from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.crm.mapping import FIELD_LENGTHS, LISTS, NUMBERS, bounded, company_record, record_of

COLUMNS = [*FIELD_LENGTHS, "company_name", "linkedin_url", *NUMBERS]
EMPTY: dict[str, Any] = dict.fromkeys(COLUMNS)


def test_every_field_comes_from_its_column():
    lead = {name: name for name in COLUMNS} | {"score": 65, "expansion_score": 42.5}
    record = record_of(lead)
    assert record.pop("company") == "company_name"
    assert record.pop("linkedin") == "linkedin_url"
    assert (record.pop("score"), record.pop("expansion_score")) == (65.0, 42.5)
    assert record == {name: name for name in FIELD_LENGTHS if name not in ("company", "linkedin")}


def test_missing_and_blank_values_are_left_out_but_zero_is_not():
    assert record_of(EMPTY) == {}
    assert record_of(EMPTY | {"company_name": " \n ", "city": "", "score": 0}) == {"score": 0.0}


@given(st.dictionaries(st.sampled_from(COLUMNS[: -len(NUMBERS)]), st.text(max_size=3000)))
def test_values_are_one_line_and_within_their_length(lead: dict[str, str]):
    for name, value in record_of(EMPTY | lead).items():
        assert isinstance(value, str)
        assert 0 < len(value) <= FIELD_LENGTHS[name]
        assert value == " ".join(value.split())


def test_lists_lose_whole_items():
    assert bounded("brands", "Generac, Kohler, Cummins", 20) == "Generac, Kohler"
    assert bounded("brands", "Generac", 4) == "Gene"
    assert bounded("company", "Generac, Kohler, Cummins", 20) == "Generac, Kohler, Cum"
    assert bounded("company", "Acme Power", 5) == "Acme"
    assert set(LISTS) <= FIELD_LENGTHS.keys()


def test_a_company_takes_each_field_from_its_first_lead_that_has_it():
    merged = company_record(
        [{"company": "Acme", "score": 60.0}, {"company": "ACME", "email": "pat@acme.example"}]
    )
    assert merged == {"company": "Acme", "score": 60.0, "email": "pat@acme.example"}
    assert company_record([]) == {}
