"""Tiers in order, outcomes to build on."""

from itertools import pairwise

from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.domain.tiers import Tier


def test_tiers_fall_from_platinum_to_unqualified() -> None:
    ordered = [Tier.PLATINUM, Tier.GOLD, Tier.SILVER, Tier.BRONZE, Tier.UNQUALIFIED]
    assert [tier.rank for tier in ordered] == [0, 1, 2, 3, 4]
    for better, worse in pairwise(ordered):
        assert better.reaches(worse)
        assert better.reaches(better)
        assert not worse.reaches(better)


def test_only_finished_rows_are_built_on() -> None:
    assert {Status.OK, Status.DEGRADED} == DONE
