from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.matching.base import Matcher, entity_id_of
from sales_agent_dagster.matching.exact import ExactMatcher


@given(st.text(max_size=20), st.text(max_size=20))
def test_entity_ids_follow_the_founding_lead(left: str, right: str):
    assert (entity_id_of(left) == entity_id_of(right)) == (left == right)
    assert entity_id_of(left).startswith("E")
    assert len(entity_id_of(left)) == 17


def test_the_exact_matcher_fits_the_seam():
    matcher: Matcher = ExactMatcher()
    assert matcher.resolve([], []) == []
