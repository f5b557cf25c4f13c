import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.evaluation.measures import Counts, compare, kendall_tau_b, share, spearman

VALUES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=12)


def naive_tau_b(one: list[int], other: list[int]) -> float:
    concordant = discordant = ties_one = ties_other = pairs = 0
    for i in range(len(one)):
        for j in range(i):
            pairs += 1
            a, b = one[i] - one[j], other[i] - other[j]
            ties_one += a == 0
            ties_other += b == 0
            concordant += a * b > 0
            discordant += a * b < 0
    scale = math.sqrt((pairs - ties_one) * (pairs - ties_other))
    return (concordant - discordant) / scale if scale else 0.0


def naive_spearman(one: list[int], other: list[int]) -> float:
    def ranks(values: list[int]) -> list[float]:
        ordered = sorted(values)
        return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]

    a, b = ranks(one), ranks(other)
    mean = (len(one) - 1) / 2
    covariance = sum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    scale = math.sqrt(sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b))
    return covariance / scale if scale else 0.0


@given(VALUES)
def test_correlations_are_those_of_their_definitions(values: list[tuple[int, int]]) -> None:
    one, other = [a for a, _ in values], [b for _, b in values]
    assert kendall_tau_b(one, other) == pytest.approx(naive_tau_b(one, other))
    assert spearman(one, other) == pytest.approx(naive_spearman(one, other))


@pytest.mark.parametrize("measure", [kendall_tau_b, spearman])
def test_correlations_at_their_ends(measure) -> None:  # type: ignore[no-untyped-def]
    rising = [1.0, 2.0, 5.0, 9.0]
    assert measure(rising, rising) == 1.0
    assert measure(rising, rising[::-1]) == -1.0
    assert measure(rising, [3.0] * 4) == 0.0
    assert measure([], []) == 0.0
    swapped = [measure(rising, order) for order in ([1, 2, 9, 5], [2, 1, 9, 5], [5, 9, 1, 2])]
    assert all(better > worse for better, worse in pairwise(swapped))


def test_a_worked_example_with_ties() -> None:
    # 4 concordant pairs, none discordant, one tie in each: 4 / sqrt(5 * 5)
    assert kendall_tau_b([1, 1, 2, 3], [1, 2, 3, 3]) == pytest.approx(4 / 5)


def test_claims_are_right_wrong_missed_or_neither() -> None:
    counts = compare(["a", "b", "c", "a"], {"a": "", "d": ""}, ["c", "e"])
    assert counts == Counts(right=1, wrong=1, missed=1)
    total = counts + Counts(2, 0, 5)
    assert total == Counts(3, 1, 6)
    assert (total.precision, total.recall) == (0.75, 0.3333)


def test_a_share_of_nothing_is_none() -> None:
    assert (Counts().precision, Counts().recall) == (None, None)
    assert share(1, 3) == 0.3333
    assert share(0, 4) == 0.0
