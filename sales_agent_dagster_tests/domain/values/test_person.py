from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.values.person import read_person


@pytest.mark.parametrize(
    ("cells", "person"),
    [
        (("Jane Doe",), ("Jane Doe", "Jane", "Doe", ())),
        (("Mr. John van der Berg",), ("Mr. John van der Berg", "John", "van der Berg", ())),
        (("Dr Jane Doe",), ("Dr Jane Doe", "Jane", "Doe", ())),
        (("Doe, Jane",), ("Jane Doe", "Jane", "Doe", ("contact_reordered",))),
        (("John Doe, Jr.",), ("John Doe, Jr.", "John", "Doe", ())),
        (("JANE MCDOE",), ("Jane McDoe", "Jane", "McDoe", ("contact_case",))),
        (("jane o'doe",), ("Jane O'Doe", "Jane", "O'Doe", ("contact_case",))),
        (("John & Mary Doe",), ("John & Mary Doe", None, None, ())),
        (("Jane",), ("Jane", "Jane", None, ())),
        (("", "Jane", "Doe"), ("Jane Doe", "Jane", "Doe", ())),
        (("", "JJ", "DOE III"), ("JJ Doe III", "JJ", "Doe III", ("contact_case",))),
        (("", "", "Null"), ("Null", None, "Null", ())),
        (("", "Jane", "null"), ("Jane", "Jane", None, ())),
        (("NaN",), (None, None, None, ())),
        (("555-0100",), (None, None, None, ())),
        (("",), (None, None, None, ())),
    ],
)
def test_read_person(cells, person):
    assert read_person(*cells) == person


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_nothing_raises_and_nothing_is_empty(full, first, last):
    person = read_person(full, first, last)
    assert "" not in person[:3]
    if person.name:
        assert read_person(person.name).name
