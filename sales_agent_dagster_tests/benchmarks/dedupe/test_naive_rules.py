from __future__ import annotations

import pyarrow as pa
import pytest

from benchmarks.dedupe.naive_rules import MAX_ROWS, find_pairs


def leads(*rows: dict[str, str]) -> pa.Table:
    columns = ("name", "phone", "website", "email", "linkedin")
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in columns})


@pytest.mark.parametrize(
    ("left", "right", "found"),
    [
        ({"email": "a@one.example"}, {"email": "A@one.example"}, True),
        ({"linkedin": "x"}, {"linkedin": "x"}, True),
        ({"phone": "1", "website": "one.example"}, {"phone": "1", "website": "one.example"}, False),
        # Twelve letters, two of which differ: .8333, confidence 85; with three, 82.5.
        ({"name": "abcdefghijkl"}, {"name": "ABCDEFGHIJxx"}, True),
        ({"name": "abcdefghijkl"}, {"name": "abcdefghixxx"}, False),
    ],
)
def test_one_confidence_decides(left: dict[str, str], right: dict[str, str], found: bool) -> None:
    names = {"name": "quite another firm"}, {"name": "zzzz"}
    rows = [names[0] | left, names[1] | right]
    pairs = find_pairs(leads(*rows))
    assert list(zip(*(side.tolist() for side in pairs), strict=True)) == ([(0, 1)] if found else [])


def test_many_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="20000"):
        find_pairs(leads(*[{"name": "a"}] * (MAX_ROWS + 1)))
