from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.name_core import name_core
from sales_agent_dagster.matching.names import (
    MIN_CUT_LENGTH,
    branchless,
    clearly_different,
    distinctive,
    same_name,
    site_brand,
)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("Acme Electric", "ACME ELECTRICAL SERVICES LLC", True),
        ("Bolton Plumbing, Sewer & Electric", "Bolton Plumbing Heating & Electric", True),
        ("Acme LLC dba Bolton Solar", "Bolton Energy", True),
        ("Northern Lights Genera", "Northern Lights Generators & Service", True),
        ("Acme Ele", "Acme Elephant", False),
        ("Bolton Electric", "Bolton Electric - Springfield", False),
        ("Electric Service", "Power Solutions", False),
        ("Electric Service", "Electric Service Inc", True),
    ],
)
def test_same_name_on_one_website(left: str, right: str, same: bool):
    assert same_name(left, right) is same
    assert same_name(right, left) is same


def test_a_name_cut_off_counts_from_a_minimum_length():
    full = "Abcdefghijklmnop Heating"
    assert same_name(full[:MIN_CUT_LENGTH], full)
    assert not same_name(full[: MIN_CUT_LENGTH - 1], full)


@pytest.mark.parametrize(
    ("left", "right", "different"),
    [
        ("Acme Electric", "Zenith Plumbing", True),
        ("Acme Electric", "Acme Plumbing", False),
        ("Accme Electric", "Acme Electric", False),
        ("ABC Heating", "Allied Boiler Comfort, Inc", False),
        ("NLG", "Northern Light Generators", False),
        ("Acme dba Zenith", "Zenith Plumbing", False),
        ("Electric Service", "Plumbing Supply", True),
    ],
)
def test_clearly_different(left: str, right: str, different: bool):
    assert clearly_different(left, right) is different
    assert clearly_different(right, left) is different


@given(st.text(min_size=1, max_size=40).filter(str.strip), st.text(min_size=1, max_size=40).filter(str.strip))
def test_names_are_never_the_same_and_clearly_different(left: str, right: str):
    assert same_name(left, left)
    assert not clearly_different(left, left)
    if name_core(left) == name_core(right):
        assert not clearly_different(left, right)


def test_words_of_the_trade_tell_nobody_apart():
    assert distinctive("heating air conditioning service") == frozenset()
    assert distinctive("acme heating") == {"acme"}


@pytest.mark.parametrize(
    ("name", "site", "start"),
    [
        ("Voltstore Supercenter of Akron", "voltstoresupercenterofakron.example", "voltstore supercenter"),
        ("Generator Supercenter Greater Akron", "generator-supercenter.example", "generator supercenter"),
        ("Acme Power Akron LLC dba Bolton", "acmepower.example", "acme power"),
        ("Voltstore Supercenter of Akron", "akronpower.example", None),
        ("Voltstore Supercenter of Akron", None, None),
        ("Voltstore Supercenter", "voltstoresupercenter.example", None),
        ("Voltstore Supercenter Services", "voltstoresupercenter.example", None),
        ("Power Solutions of Akron", "powersolution.example", None),
        ("Acme", "acme.example", None),
    ],
)
def test_site_brand(name: str, site: str | None, start: str | None):
    assert site_brand(name, site) == start


@pytest.mark.parametrize(
    ("name", "cores"),
    [
        ("Acme Power - Akron", ("acme power",)),
        ("Acme Power of Akron", ("acme power",)),
        ("ACME POWER OF AKRON, LLC", ("acme power",)),
        ("Acme LLC dba Bolton - Akron", ("acme", "bolton")),
        ("Tri-County Electric", ("tri county electric",)),
        ("Acme Power", ("acme power",)),
        (" - Akron", ("akron",)),
    ],
)
def test_branchless(name: str, cores: tuple[str, ...]):
    assert branchless(name) == cores
