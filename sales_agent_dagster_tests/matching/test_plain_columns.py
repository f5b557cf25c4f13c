from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sales_agent_dagster.domain.values.text import MISSING
from sales_agent_dagster.matching.address_keys import read_street
from sales_agent_dagster.matching.name_words import read_name
from sales_agent_dagster.matching.plain_columns import Read, plain_names, plain_streets
from sales_agent_dagster.matching.vocabulary import (
    CONNECTIVES,
    LEGAL_FORMS,
    STREET_SPELLINGS,
    STREET_TYPES,
    UNITS,
    WEAK_LEGAL_FORMS,
    WORD_SPELLINGS,
)

NAME_WORDS = sorted(
    {
        *CONNECTIVES,
        *LEGAL_FORMS,
        *WEAK_LEGAL_FORMS,
        *WORD_SPELLINGS,
        *MISSING,
        "quill",
        "oak",
        "dba",
        "n",
        "v",
    }
)
STREET_WORDS = sorted(
    {*STREET_SPELLINGS, *STREET_TYPES, *UNITS, "main", "1st", "22nd", "0", "007", "po", "b"}
)
BETWEEN = st.sampled_from(
    [" ", " ", " ", "  ", ". ", ", ", "-", " - ", "'", " & ", " &amp;", ";", ".", "_", "/"]
)


def texts(words: Sequence[str]) -> st.SearchStrategy[str]:
    """Words with all kinds of signs between and around them."""
    parts = st.lists(st.tuples(st.sampled_from(words), BETWEEN), max_size=6)
    joined = parts.map(lambda some: "".join(word + sign for word, sign in some))
    return st.one_of(joined, joined.map(str.upper), joined.map(str.title))


def assert_same(
    plain: Callable[[pa.StringArray], Read], read: Callable[[str], object], given_: list[str]
) -> None:
    chosen, parts = plain(pa.array(given_, pa.string()))
    found = [tuple(part[row].as_py() for part in parts) for row in range(int(chosen.sum()))]
    assert found == [read(text) for text, is_plain in zip(given_, chosen, strict=True) if is_plain]


@settings(deadline=None)
@given(st.lists(texts(NAME_WORDS), max_size=8))
@example(["", "the", "n/a", "Co", "Co Inc", "L.L.C.", "A.B.", "x" * 201, "Quill '- Oak", "Quill &amp;"])
def test_plain_names_are_read_as_one_by_one(names: list[str]) -> None:
    assert_same(plain_names, read_name, names)


@given(
    st.lists(st.tuples(st.sampled_from(["12 ", "007 ", "1", "", "12b "]), texts(STREET_WORDS)).map("".join))
)
@example(["", "12", "12 a", "12 Ave", "0 Main St", "12. Main St", "12 Main St. ", "1st Ave 2", "12" * 101])
def test_plain_streets_are_read_as_one_by_one(streets: list[str]) -> None:
    assert_same(plain_streets, read_street, streets)


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        (plain_names, "Quill & Sons Htg., Inc."),
        (plain_names, "O'Dell Electric L.L.C."),
        (plain_streets, "120 N. 1st St."),
        (plain_streets, "12 B Oak Street"),
    ],
)
def test_what_is_usual_is_plain(plain: Callable[[pa.StringArray], Read], text: str) -> None:
    assert plain(pa.array([text]))[0].all()
