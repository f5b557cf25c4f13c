from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.matching.cluster import cluster, components

Links = dict[tuple[int, int], float]


def labels(size: int, links: Links, fixed: list[int] | None = None) -> list[int]:
    left, right = (np.array([pair[side] for pair in links], np.int32) for side in (0, 1))
    known = None if fixed is None else np.array(fixed)
    return cluster(size, left, right, np.array(list(links.values())), 0.5, known).labels.tolist()


def test_components_are_named_by_their_smallest_row() -> None:
    assert components(6, np.array([3, 2, 5]), np.array([4, 3, 1])).tolist() == [0, 1, 2, 2, 2, 1]


def test_two_rows_join_from_the_threshold_on() -> None:
    assert labels(4, {(0, 1): 0.5, (2, 3): 0.4}) == [0, 0, 2, 3]


def test_a_chain_breaks_where_the_rest_disagrees() -> None:
    assert labels(3, {(0, 1): 9, (1, 2): 3, (0, 2): -5}) == [0, 0, 2]
    assert labels(3, {(0, 1): 9, (1, 2): 6, (0, 2): -5}) == [0, 0, 0]


def test_leads_that_share_no_key_count_slightly_against() -> None:
    assert labels(3, {(0, 1): 9, (1, 2): 0.9}) == [0, 0, 2]
    assert labels(3, {(0, 1): 9, (1, 2): 1.1}) == [0, 0, 0]


def test_no_pair_outweighs_all_others() -> None:
    rest = {(0, 1): 70, (0, 2): 70, (1, 2): 70}
    assert labels(4, rest | {(2, 3): 60, (0, 3): -6, (1, 3): -6}) == [0, 0, 0, 3]
    assert labels(3, {(0, 1): 9, (1, 2): 9, (0, 2): -60}) == [0, 0, 0]


def test_one_wrong_link_does_not_fuse_two_firms() -> None:
    firms = {pair: 12.0 for group in ((0, 1, 2), (3, 4, 5)) for pair in combinations(group, 2)}
    assert labels(6, firms | {(2, 3): 7.0}) == [0, 0, 0, 3, 3, 3]


def test_known_entities_are_never_joined() -> None:
    assert labels(3, {(0, 2): 9, (1, 2): 8}, fixed=[0, 1, -1]) == [0, 1, 0]
    assert labels(4, {(0, 3): 4, (1, 3): 4, (2, 3): 9}, fixed=[0, 0, 2, -1]) == [0, 0, 2, 2]
    assert labels(5, {(1, 3): 9, (3, 4): 9, (2, 4): 8}, fixed=[0, 0, 2, -1, -1]) == [0, 0, 2, 0, 0]


def test_links_form_a_tree_per_cluster() -> None:
    left, right = np.array([0, 0, 1, 3]), np.array([1, 2, 2, 4])
    done = cluster(5, left, right, np.array([9.0, 8.0, 7.0, 2.0]), 0.5)
    assert done.links.tolist() == [0, 1, 3]


@given(
    st.dictionaries(st.tuples(st.integers(0, 6), st.integers(0, 6)), st.integers(-8, 12), max_size=15),
    st.randoms(),
)
def test_the_order_of_pairs_does_not_matter(links: dict[tuple[int, int], int], random: object) -> None:
    pairs = {(min(pair), max(pair)): float(bits) for pair, bits in links.items() if pair[0] != pair[1]}
    shuffled = list(pairs.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    if pairs:
        assert labels(7, pairs) == labels(7, dict(shuffled))


@pytest.mark.parametrize("size", [0, 3])
def test_without_links_every_row_is_alone(size: int) -> None:
    empty = np.zeros(0, np.int32)
    assert cluster(size, empty, empty, np.zeros(0), 0.5).labels.tolist() == list(range(size))
