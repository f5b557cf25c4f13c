"""Scales, ticks and bins of pictures."""

from __future__ import annotations

import base64
import math
import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sales_agent_dagster.defs.svg import FONT_PX, TICKS, Frame, Picture, Scale, counts, text_px

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("low", "high", "whole", "ticks"),
    [
        (0, 100, False, [0, 20, 40, 60, 80, 100]),
        (0, 6, False, [0, 1, 2, 3, 4, 5, 6]),
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, 2.1, True, [0, 1, 2]),
        (-11, 31, False, [-10, 0, 10, 20, 30]),
        (280, 1000, False, [400, 600, 800, 1000]),
    ],
)
def test_ticks_are_round(low: float, high: float, whole: bool, ticks: list[float]) -> None:
    assert Scale(low, high, 0, 1).ticks(whole=whole) == pytest.approx(ticks)


@settings(max_examples=50)
@given(NUMBERS, st.floats(1e-3, 1e6))
def test_ticks_are_few_and_on_the_scale(low: float, spread: float) -> None:
    scale = Scale(low, low + spread, 10, 110)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= TICKS + 2
    assert all(10 - 1e-3 <= scale.at(tick) <= 110 + 1e-3 for tick in ticks)


@settings(max_examples=50)
@given(st.lists(NUMBERS, min_size=2, max_size=50, unique=True), st.integers(1, 40))
def test_every_value_is_in_one_bin_and_bins_are_in_order(values: list[float], bins: int) -> None:
    low, high = min(values), max(values)
    found = counts(values, low, high, bins)
    assert (len(found), sum(found)) == (bins, len(values))
    for value in values:
        edge = (value - low) / (high - low) * bins
        below = sum((other - low) / (high - low) * bins < math.floor(edge) for other in values)
        assert below == sum(found[: min(math.floor(edge), bins)]) or edge == bins


def test_a_scale_without_width_is_given_some() -> None:
    across = Frame().across(3.0, 3.0)
    assert (across.low, across.high) == (2.5, 3.5)
    assert Frame().upwards(0).at(0) == Frame().height - Frame().bottom


def test_texts_are_escaped() -> None:
    picture = Picture("a <b> & c", Frame())
    assert picture.markdown().startswith("![a <b> & c](data:image/svg+xml;base64,")
    assert "<b>" not in "".join(picture._parts)


def test_the_names_of_a_legend_keep_clear_of_one_another_and_of_their_colours() -> None:
    entries = {"merge 3": "#111111", "review 1": "#222222", "limit 3000 ms": "#333333", "m" * 9: None}
    picture = Picture("p", Frame())
    picture.legend(entries)
    shown = base64.b64decode(picture.markdown().partition("base64,")[2].rstrip(")")).decode()
    ends = {name: float(re.search(rf'x="([\d.]+)"[^>]*>{name}<', shown)[1]) for name in entries}  # type: ignore[index]
    spans = []
    for name, color in entries.items():
        start = ends[name] - text_px(name, FONT_PX - 1)
        if color is not None:
            left = float(re.search(rf'<rect x="([\d.]+)"[^>]*fill="{color}"', shown)[1])  # type: ignore[index]
            assert 9 < start - left < 16, "the colour is just before its name"
            start = left
        spans.append((start, ends[name]))
    assert all(end < start for (_, end), (start, _) in pairwise(spans))
