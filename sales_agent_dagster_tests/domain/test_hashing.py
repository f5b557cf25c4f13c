"""Equal content hashes alike; anything else does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.hashing import content_hash

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_the_hash_is_stable_over_processes_and_versions() -> None:
    assert content_hash("lead", {"b": 1, "a": None}) == content_hash("lead", {"a": None, "b": 1})
    assert content_hash("lead", 1) == "bc310b0326c05c44660a0777f2d3af2f"


@given(JSON, JSON)
def test_different_content_hashes_differently(one: object, other: object) -> None:
    same = repr(one) == repr(other)
    if same:
        assert content_hash(one) == content_hash(other)
    assert len(content_hash(one)) == 32
    assert content_hash([one], [other]) != content_hash([one, other])


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError):
        content_hash(object())
