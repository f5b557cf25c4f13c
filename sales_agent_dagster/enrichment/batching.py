"""Questions of many leads put together: one call or transaction for all that came at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class Batcher(Generic[ItemT, ResultT]):
    """Collects items for a moment and runs them as one batch. Used in one event loop.

    Args:
        run: gives one result per item, in order.
        limit: most items of a batch; a full one runs at once.
        wait_s: how long the first item of a batch waits for others.
    """

    def __init__(
        self,
        run: Callable[[Sequence[ItemT]], Awaitable[Sequence[ResultT]]],
        limit: int,
        wait_s: float,
    ) -> None:
        self._run = run
        self._limit = limit
        self._wait_s = wait_s
        self._waiting: list[tuple[ItemT, asyncio.Future[ResultT]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def ask(self, item: ItemT) -> ResultT:
        """The item's result; an error of its batch is raised for each item of it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[ResultT] = loop.create_future()
        self._waiting.append((item, answer))
        if len(self._waiting) >= self._limit:
            self._start()
        elif self._timer is None:
            self._timer = loop.call_later(self._wait_s, self._start)
        return await answer

    async def close(self) -> None:
        """Cancel what runs and what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for _, answer in self._waiting:
            answer.cancel()
        self._waiting.clear()
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        batch, self._waiting = self._waiting, []
        task = asyncio.get_running_loop().create_task(self._answer(batch))
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, batch))

    def _ended(self, task: asyncio.Task[None], batch: list[tuple[ItemT, asyncio.Future[ResultT]]]) -> None:
        self._running.discard(task)
        if task.cancelled():  # perhaps before it began
            for _, answer in batch:
                answer.cancel()

    async def _answer(self, batch: list[tuple[ItemT, asyncio.Future[ResultT]]]) -> None:
        try:
            results = await self._run([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{len(results)} results for {len(batch)} items")
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for (_, answer), result in zip(batch, results, strict=True):
                if not answer.done():
                    answer.set_result(result)
