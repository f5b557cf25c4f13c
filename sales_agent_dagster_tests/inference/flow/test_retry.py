from __future__ import annotations

import random
import statistics

import pytest

from sales_agent_dagster.inference.flow.retry import RetryRules

RULES = RetryRules(attempts=5, base_s=0.5, cap_s=3.0)


def waits(failed: int, retry_after_s: float | None = None) -> list[float]:
    dice = random.Random(7)
    found = [RULES.wait_after(failed, retry_after_s, dice) for _ in range(2000)]
    return [wait for wait in found if wait is not None]


@pytest.mark.parametrize(("failed", "bound"), [(1, 0.5), (2, 1.0), (3, 2.0), (4, 3.0)])
def test_waits_are_spread_evenly_below_a_bound_that_doubles_up_to_the_cap(failed: int, bound: float) -> None:
    found = waits(failed)
    assert 0 <= min(found) < 0.02 * bound
    assert 0.98 * bound < max(found) <= bound
    assert statistics.mean(found) == pytest.approx(bound / 2, rel=0.05)


def test_what_the_provider_asks_for_is_waited_in_full() -> None:
    found = waits(1, retry_after_s=4.0)
    assert min(found) >= 4.0
    assert max(found) <= 4.5
    assert len({round(wait, 6) for wait in found}) > 1900


def test_there_is_an_end() -> None:
    assert RULES.wait_after(5, None, random.Random(1)) is None
    assert RULES.wait_after(4, None, random.Random(1)) is not None
    assert RetryRules().attempts == 4
