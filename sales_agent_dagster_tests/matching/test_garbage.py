from __future__ import annotations

import gc

import pytest

from sales_agent_dagster.matching.garbage import without_collecting


def test_collecting_goes_on_afterwards_even_after_a_failure() -> None:
    assert gc.isenabled()
    with without_collecting():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), without_collecting():
        _ = 1 // 0
    assert gc.isenabled()


def test_collecting_that_was_off_stays_off() -> None:
    with without_collecting():
        with without_collecting():
            pass
        assert not gc.isenabled()
