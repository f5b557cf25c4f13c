from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.values.text import (
    clean_cell,
    decode_entities,
    is_missing,
    one_line,
    undo_mojibake,
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  a ", "a"),
        ("a\x00b\x07", "ab"),
        ("a\u200bb\ufeff", "ab"),
        ("a\u00a0b", "a b"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a\tb", "a b"),
        ("a\ud800b", "a\ufffdb"),
        ("na\u00efve \u96fb\u6c17", "na\u00efve \u96fb\u6c17"),
    ],
)
def test_clean_cell(text, clean):
    assert clean_cell(text) == clean


@pytest.mark.parametrize("word", ["", "NaN", "nan", "None", "NULL", "N/A", "-", "#N/A", "Unknown"])
def test_words_that_mean_missing(word):
    assert is_missing(word)


@pytest.mark.parametrize("word", ["0", "false", "no", "Nankai", "None of your business"])
def test_words_that_do_not(word):
    assert not is_missing(word)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("A &amp; B", "A & B"),
        ("A &amp;amp; B", "A & B"),
        ("O&#39;Neil", "O'Neil"),
        ("AT&T; B", "AT&T; B"),
        ("&nosuch;", "&nosuch;"),
    ],
)
def test_decode_entities(text, plain):
    assert decode_entities(text) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Caf\u00c3\u00a9", "Caf\u00e9"),
        ("Tester\u00e2\u20ac\u2122s", "Tester\u2019s"),
        ("Caf\u00e9", "Caf\u00e9"),
        ("\u00c3\u00a9 \u4e00", "\u00c3\u00a9 \u4e00"),
    ],
)
def test_undo_mojibake(text, plain):
    assert undo_mojibake(text) == plain


def test_one_line():
    assert one_line(" a\n b  c ") == "a b c"


@given(st.text(st.characters(), max_size=80))
def test_clean_cells_can_be_stored_anywhere(text):
    clean = clean_cell(text)
    assert "\x00" not in clean
    json.dumps(clean).encode("utf-8")
    clean.encode("utf-8")
    assert clean_cell(clean) == clean
    assert "\x00" not in decode_entities(f"&#0;{clean}&#x0;")
