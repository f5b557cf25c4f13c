from __future__ import annotations

import pytest

from sales_agent_dagster.domain.errors import QuarantinedFile
from sales_agent_dagster.stages.intake.dialect import (
    choose_delimiter,
    evenness,
    excel_hint,
    refuse_other_text,
    sample_records,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name,city\na,b\n", ","),
        ("name;city\na;b\n", ";"),
        ("name\tcity\na\tb\n", "\t"),
        ("name|city\na|b\n", "|"),
        ("name;notes\nA, B; c, d\nE, F; g, h\n", ";"),
        ("name,notes\nA,ICP: 1 | Tier: x | OEMs: y\nB,ICP: 2 | Tier: z | OEMs: q\n", ","),
        ('"name, legal";city;state\n"A, Inc";b;c\n', ";"),
        ('name,notes\nA,"x;y;z;\nw;"\n', ","),
        ("name, legal;city\nA;b\nC;d\n", ";"),
        ("name\nA\nB\n", ","),
        (";;;\nname;city;zip\n1;2;3\n4;5;6\n", ";"),
        ("", ","),
    ],
)
def test_chooses_the_delimiter(text: str, expected: str) -> None:
    assert choose_delimiter(text.splitlines(keepends=True), complete=True) == expected


def test_a_cut_last_record_does_not_count() -> None:
    lines = ["a,b\n", "1,2\n", "3"]
    assert sample_records(lines, ",", complete=False) == [["a", "b"], ["1", "2"]]
    assert sample_records(lines, ",", complete=True) == [["a", "b"], ["1", "2"], ["3"]]
    assert sample_records(["a,b"], ",", complete=False) == [["a", "b"]]


def test_a_sample_that_does_not_parse_ends_early() -> None:
    assert sample_records(["a,b\n", "1,2\n", "x" * 200_000], ",", complete=True) == [["a", "b"], ["1", "2"]]


@pytest.mark.parametrize(
    ("records", "expected"),
    [([], 1.0), ([["a"]], 1.0), ([["a", "b"], ["1", "2"]], 1.0), ([["a", "b"], ["1", "2"], ["3"]], 0.5)],
)
def test_evenness(records: list[list[str]], expected: float) -> None:
    assert evenness(records) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sep=;\r\n", ";"),
        ("SEP=,", ","),
        ('"sep=|"\n', "|"),
        ("sep=\t\n", "\t"),
        ("sep=;;", None),
        ("sep=a", None),
        ('sep="', None),
        ("separator", None),
        ("a,sep=;", None),
    ],
)
def test_excel_hint(line: str, expected: str | None) -> None:
    assert excel_hint(line) == expected


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("<!DOCTYPE html>", "HTML"),
        ("  <html>", "HTML"),
        ("<?xml version='1.0'?>", "HTML"),
        ('{"a": 1}', "JSON"),
        ("[\n", "JSON"),
        ('[{"a": 1}]', "JSON"),
        ("{\n", "JSON"),
    ],
)
def test_refuses_markup_and_json(line: str, kind: str) -> None:
    with pytest.raises(QuarantinedFile) as refusal:
        refuse_other_text(line)
    assert refusal.value.code == "not_csv"
    assert kind in refusal.value.message


@pytest.mark.parametrize("line", ["name,city", "[not provided],b", "<5 employees,x", "{company},b", ""])
def test_lets_other_text_through(line: str) -> None:
    refuse_other_text(line)
