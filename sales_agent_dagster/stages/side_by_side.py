"""Groups of leads that are computed side by side, so that one's last calls never leave the others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


def grouped(items: Iterable[ItemT], bond: Callable[[ItemT], Hashable], size: int) -> list[list[ItemT]]:
    """Groups of at least ``size`` items, but for the last; items with the same bond are in one group.

    A group depends on nothing but its own items and their order: with some groups taken away, the rest falls
    into the same groups again, as when a process was killed after storing them.
    """
    bonded: dict[Hashable, list[ItemT]] = {}
    for item in items:
        bonded.setdefault(bond(item), []).append(item)
    groups: list[list[ItemT]] = []
    open_group: list[ItemT] = []
    for together in bonded.values():
        open_group += together
        if len(open_group) >= size:
            groups.append(open_group)
            open_group = []
    return [*groups, open_group] if open_group else groups


async def side_by_side(
    work: Callable[[ItemT], Awaitable[ResultT]], items: Sequence[ItemT], most: int
) -> list[ResultT]:
    """Results of ``work`` on the items in the order they end; ``most`` at once, begun in their order.

    After an error nothing more is begun. It is raised when what had begun is through: what that brings may
    have been paid for.
    """
    waiting = iter(items)
    results: list[ResultT] = []
    faults: list[Exception] = []

    async def take_turns() -> None:
        for item in waiting:
            if faults:
                return
            try:
                results.append(await work(item))
            except Exception as error:  # noqa: BLE001 - raised below
                faults.append(error)

    await asyncio.gather(*(take_turns() for _ in range(min(most, len(items)))))
    if faults:
        raise faults[0]
    return results
