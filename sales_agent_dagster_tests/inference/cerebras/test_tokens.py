import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.inference.cerebras.tokens import completion_limit, estimate_tokens


@pytest.mark.parametrize(
    ("size", "messages", "tokens"), [(0, 0, 0), (1, 0, 1), (3, 0, 1), (4, 0, 2), (3000, 2, 1016)]
)
def test_three_bytes_are_a_token_and_eight_mark_a_message(size: int, messages: int, tokens: int) -> None:
    assert estimate_tokens(size, messages) == tokens


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_text_is_never_fewer_tokens(size: int, more: int) -> None:
    assert estimate_tokens(size, 2) <= estimate_tokens(size + more, 2)


@pytest.mark.parametrize(("effort", "limit"), [("none", 900), ("low", 900), ("medium", 2400), ("high", 6900)])
def test_more_effort_gets_more_room(effort: str, limit: int) -> None:
    assert completion_limit(900, effort) == limit  # type: ignore[arg-type]
