"""Groups of leads side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sales_agent_dagster.stages.side_by_side import grouped, side_by_side

BONDS = st.lists(st.integers(0, 30), max_size=80)


@settings(max_examples=60)
@given(BONDS, st.integers(1, 12))
def test_everybody_is_in_one_group_and_bonds_are_kept(bonds: list[int], size: int) -> None:
    items = list(enumerate(bonds))
    groups = grouped(items, lambda item: item[1], size)
    assert sorted(item for group in groups for item in group) == items
    assert all(len(group) >= size for group in groups[:-1])
    assert all(groups)
    places = [{bond for _, bond in group} for group in groups]
    assert sum(map(len, places)) == len(set(bonds)), "no bond is in two groups"


@settings(max_examples=60)
@given(BONDS, st.integers(1, 12), st.sets(st.integers(0, 80)))
def test_what_is_left_falls_into_the_same_groups(bonds: list[int], size: int, stored: set[int]) -> None:
    def bond(item: tuple[int, int]) -> int:
        return item[1]

    groups = grouped(list(enumerate(bonds)), bond, size)
    left = [group for number, group in enumerate(groups) if number not in stored]
    assert grouped(sorted(item for group in left for item in group), bond, size) == left


def test_leads_without_bond_are_cut_in_their_order() -> None:
    assert grouped(range(5), lambda item: item, 2) == [[0, 1], [2, 3], [4]]
    assert grouped([], lambda item: item, 2) == []


class Working:
    """Works on numbers until it is let go on."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.gates = {number: asyncio.Event() for number in range(6)}

    async def work(self, number: int) -> int:
        self.begun.append(number)
        await self.gates[number].wait()
        if number == 1:
            raise ZeroDivisionError(number)
        return number * 10


async def after(condition: Callable[[], bool]) -> None:
    for _ in range(50):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


def test_the_next_begins_when_one_ends() -> None:
    async def scene() -> None:
        working = Working()
        running = asyncio.create_task(side_by_side(working.work, [0, 2, 3, 4], 2))
        await after(lambda: working.begun == [0, 2])
        working.gates[2].set()
        await after(lambda: working.begun == [0, 2, 3])
        for gate in working.gates.values():
            gate.set()
        assert sorted(await running) == [0, 20, 30, 40]

    asyncio.run(scene())


def test_after_an_error_what_runs_ends_and_nothing_more_begins() -> None:
    async def scene() -> None:
        working = Working()
        running = asyncio.create_task(side_by_side(working.work, [0, 1, 2], 2))
        await after(lambda: working.begun == [0, 1])
        working.gates[1].set()
        await asyncio.sleep(0.01)
        assert not running.done(), "what may have been paid for is waited for"
        working.gates[0].set()
        with pytest.raises(ZeroDivisionError):
            await running
        assert working.begun == [0, 1]

    asyncio.run(scene())


def test_nothing_to_do() -> None:
    assert asyncio.run(side_by_side(Working().work, [], 3)) == []
