from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.name_core import LEGAL_FORMS, name_aliases, name_core

WORD = st.text(alphabet="bcdfghjklmnp", min_size=3, max_size=9)


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("ACME ELECTRIC, L.L.C.", "acme electric"),
        ("Acme Electrical Co. Inc", "acme electric"),
        ("Acme Elec LLC", "acme electric"),
        ("Acme Plumb Htg & A/C", "acme plumbing heating air conditioning"),
        ("Acme Plumbing, Heating and AC", "acme plumbing heating air conditioning"),
        ("F. M. Generator Inc", "fm generator"),
        ("F.M. GENERATORS", "fm generator"),
        ("A & A Power", "aa power"),
        ("Joe's Solar", "joes solar"),
        ("Café Énergie", "cafe energie"),
        ("The Company Group", "company group"),
        ("The Company, Inc.", "company"),
        ("Tech Co", "technology"),
        ("Services", "service"),
        ("The", "the"),
        ("T H E Acme", "acme"),
        ("Power Systems of Ohio", "power system ohio"),
        ("発電機 株式会社", "発電機 株式会社"),
        ("!!!", "!!!"),
    ],
)
def test_core(name: str, core: str):
    assert name_core(name) == core


@given(st.text(min_size=1, max_size=60).filter(lambda text: text.strip()))
def test_core_is_never_empty_and_stays_itself(name: str):
    core = name_core(name)
    assert core
    assert name_core(core) == core


@given(
    st.lists(WORD, min_size=1, max_size=4), st.sampled_from(sorted(LEGAL_FORMS)), st.sampled_from([", ", " "])
)
def test_case_punctuation_and_legal_form_do_not_matter(words: list[str], form: str, gap: str):
    core = name_core(" ".join(words))
    assert name_core(" ".join(words).upper() + gap + form.upper() + ".") == core
    assert name_core(" - ".join(words).title()) == core


@pytest.mark.parametrize(
    ("name", "aliases"),
    [
        ("Acme LLC dba Bolt Electric", ("acme", "bolt electric")),
        ("Acme d/b/a Bolt", ("acme", "bolt")),
        ("Acme D.B.A. Bolt", ("acme", "bolt")),
        ("DBA Bolt", ("bolt",)),
        ("Acme doing business as ACME, Inc", ("acme",)),
        ("Acme", ("acme",)),
        ("dba", ("dba",)),
    ],
)
def test_aliases(name: str, aliases: tuple[str, ...]):
    assert name_aliases(name) == aliases
