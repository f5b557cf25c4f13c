from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.values.notes import Notes, parse_notes


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (
            "ICP Score: 72.8 | Tier: GOLD | Domain: acme.com | OEMs: Briggs & Stratton, Cummins",
            Notes("72.8", "GOLD", "acme.com", "Briggs & Stratton, Cummins", None),
        ),
        ("ICP Score: 54.0 | Tier: SILVER | OEMs: Generac", Notes("54.0", "SILVER", None, "Generac", None)),
        ("ICP Score: 54 | Tier: SILVER", Notes("54", "SILVER", None, None, None)),
        (
            "icp_score: 54 | tier: gold | Met at the fair | OEM: Kohler",
            Notes("54", "GOLD", None, "Kohler", "Met at the fair"),
        ),
        ("ICP Score: 54 | Tier: Elite | OEMs: ", Notes("54", None, None, None, "Tier: Elite | OEMs:")),
        ("ICP Score: 54\nCall back", Notes("54", None, None, None, "Call back")),
        ("ICP Score: high | Tier: GOLD", Notes(rest="ICP Score: high | Tier: GOLD")),
        ("Tier: GOLD customer | Domain: x", Notes(rest="Tier: GOLD customer | Domain: x")),
        ("Call after 5", Notes(rest="Call after 5")),
        ("ICP Score: 1 | ICP Score: 2", Notes("1", None, None, None, "ICP Score: 2")),
        ("", Notes()),
    ],
)
def test_parse_notes(text, notes):
    assert parse_notes(text) == notes


@given(
    st.text(max_size=120)
    | st.from_regex(r"(ICP Score: [0-9.]{1,5} ?\|? ?){0,2}(Tier: [A-Z]{1,5}){0,1}.{0,20}", fullmatch=True)
)
def test_nothing_raises_and_no_part_is_empty(text):
    for part in parse_notes(text):
        assert part is None or part.strip() or part == text
