from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.values.number import (
    parse_count,
    parse_number,
    parse_range,
    read_size,
    without_point_zero,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("72.8", 72.8),
        ("12.0", 12),
        ("1,200", 1200),
        ("$1,200.50", 1200.5),
        ("$1.2M", 1.2e6),
        ("1.2 million", 1.2e6),
        ("5k", 5000),
        ("3B", 3e9),
        ("~50+", 50),
        ("85%", 85),
        ("-3", -3),
        ("1.234,50", 1234.5),
        ("1.234.567", 1234567),
        ("12,5", 12.5),
        ("(128)", 128),
        ("128 reviews", 128),
        ("4.8 stars", 4.8),
        ("4.8/5", 4.8),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e5", None),
        ("11-50", None),
        ("1,2,3", None),
        ("hot", None),
        ("9" * 400, None),
    ],
)
def test_parse_number(text, value):
    assert parse_number(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("12.0", 12), ("1,200", 1200), ("1.5", None), ("-1", None), ("1e99", None), ("x", None)],
)
def test_parse_count(text, value):
    assert parse_count(text) == value


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("11-50", (11, 50)),
        ("1,001 - 5,000", (1001, 5000)),
        ("5 to 9 employees", (5, 9)),
        ("50-11", None),
        ("10", None),
    ],
)
def test_parse_range(text, ends):
    assert parse_range(text) == ends


@pytest.mark.parametrize(
    ("text", "size", "employees", "repairs"),
    [
        ("11-50", "11-50", None, ()),
        ("Nov-50", "11-50", None, ("size_date",)),
        ("10-Jan", "1-10", None, ("size_date",)),
        ("25", "25", 25, ()),
        ("25.0", "25", 25, ()),
        ("Enterprise", "Enterprise", None, ()),
    ],
)
def test_read_size(text, size, employees, repairs):
    assert read_size(text) == (size, employees, repairs)
    assert read_size(size) == (size, employees, ())


@pytest.mark.parametrize(
    ("text", "clean"),
    [("549974.0", "549974"), ("8185550100.0", "8185550100"), ("v1.0", "v1.0"), ("1.05", "1.05")],
)
def test_without_point_zero(text, clean):
    assert without_point_zero(text) == clean


@given(st.text(max_size=40) | st.from_regex(r"[$~]?-?[0-9.,]{1,30}[kmb%]?", fullmatch=True))
def test_numbers_are_finite_and_nothing_raises(text):
    value = parse_number(text)
    assert value is None or math.isfinite(value)
    assert parse_count(text) is None or parse_count(text) >= 0
    ends = parse_range(text)
    assert ends is None or ends[0] < ends[1]
    size = read_size(text)
    assert read_size(size.text).text == size.text


@given(st.floats(0, 1e12).map(lambda value: round(value, 3)))
def test_plain_decimals_are_read_exactly(value):
    assert parse_number(f"{value:.3f}") == value
