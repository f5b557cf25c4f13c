from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.dedupe.metrics import (
    Score,
    branch_neutral,
    clustered,
    components,
    edges,
    labels,
    largest,
    lead_level,
)

groupings = st.integers(1, 25).flatmap(
    lambda size: st.tuples(*(st.lists(st.integers(0, 6), min_size=size, max_size=size) for _ in range(2)))
)


def pairs(groups: list[int]) -> set[tuple[int, int]]:
    return {(a, b) for a, b in combinations(range(len(groups)), 2) if groups[a] == groups[b]}


@given(groupings)
def test_counts_equal_those_of_all_pairs(both: tuple[list[int], list[int]]) -> None:
    predicted, truth = both
    score = clustered(np.array(predicted), np.array(truth))
    said, true = pairs(predicted), pairs(truth)
    assert score == Score(len(said & true), len(said), len(true))
    assert largest(np.array(predicted)) == max(map(predicted.count, predicted))


@given(groupings)
def test_a_perfect_answer_scores_one(both: tuple[list[int], list[int]]) -> None:
    score = clustered(labels([f"E{group}" for group in both[0]]), np.array(both[0]))
    assert (score.precision, score.recall, score.f1) == (1.0, 1.0, 1.0)


def test_precision_recall_and_f1() -> None:
    score = Score(right=3, claimed=4, true=6)
    assert (score.precision, score.recall, score.f1) == (0.75, 0.5, 0.6)
    assert Score(0, 0, 5).f1 == 0
    assert Score(0, 0, 5).precision == 1


def test_merged_branches_are_neutral_and_merged_strangers_are_not() -> None:
    entity, company = np.array([0, 0, 1, 2]), np.array([7, 7, 7, 8])
    merged_branches = np.array([5, 5, 5, 6])
    assert clustered(merged_branches, entity).precision == 1 / 3
    assert branch_neutral(merged_branches, entity, company).precision == 1
    assert branch_neutral(np.array([5, 5, 5, 5]), entity, company) == Score(right=1, claimed=4, true=1)


def test_edges_count_every_true_pair() -> None:
    assert edges(np.array([0, 1]), np.array([1, 3]), np.array([0, 0, 0, 1])) == Score(1, 2, 3)


def test_lead_level_wants_the_right_entity_or_rightly_none() -> None:
    attached, existing = np.array([4, 4, -1, -1, 5]), np.array([4, 3, -1, 2, -1])
    assert lead_level(attached, existing) == Score(right=1, claimed=3, true=3)


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_components_hold_exactly_what_is_connected(links: list[tuple[int, int]]) -> None:
    left, right = (np.array([link[side] for link in links], dtype=np.int64) for side in (0, 1))
    found = components(left, right, 20)
    groups = [{row} for row in range(20)]
    for a, b in links:
        joined = next(group for group in groups if a in group) | next(group for group in groups if b in group)
        groups = [group for group in groups if not group & joined] + [joined]
    for group in groups:
        assert {int(found[row]) for row in group} == {min(group)}
