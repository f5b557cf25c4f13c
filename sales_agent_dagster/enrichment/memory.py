"""Answers that were given before: this process's own, those in Redis when there is one, the warehouse's."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from sales_agent_dagster.domain.lookups import CachedAnswer, LookupKey
from sales_agent_dagster.enrichment.batching import Batcher
from sales_agent_dagster.enrichment.ports import Front, LookupStore

RECENT = 500
"""Answers that this process keeps: those of some chunks, so that leads of one company ask nobody."""

KEYS_AT_ONCE = 500
WAIT_S = 0.002


class AnswerMemory:
    """Reads many leads' answers in one go. Used in one event loop."""

    def __init__(self, store: LookupStore, front: Front | None) -> None:
        self._store = store
        self._front = front
        self._recent: OrderedDict[LookupKey, CachedAnswer] = OrderedDict()
        self._reads: Batcher[LookupKey, CachedAnswer | None] = Batcher(self._read, KEYS_AT_ONCE, WAIT_S)

    async def find(self, asked: LookupKey) -> CachedAnswer | None:
        """The answer, fresh or stale; None when there is none.

        Raises:
            TransientError: the warehouse does not answer.
        """
        if asked in self._recent:
            self._recent.move_to_end(asked)
            return self._recent[asked]
        answer = await self._reads.ask(asked)
        if answer is not None:
            self._remember(asked, answer)
        return answer

    async def keep(self, asked: LookupKey, answer: CachedAnswer) -> None:
        """Remember an answer that the warehouse has."""
        self._remember(asked, answer)
        if self._front is not None:
            await self._front.keep({asked: answer})

    def _remember(self, asked: LookupKey, answer: CachedAnswer) -> None:
        self._recent[asked] = answer
        self._recent.move_to_end(asked)
        if len(self._recent) > RECENT:
            self._recent.popitem(last=False)

    async def _read(self, asked: Sequence[LookupKey]) -> list[CachedAnswer | None]:
        found = dict(await self._front.find(asked)) if self._front is not None else {}
        if absent := [key for key in asked if key not in found]:
            stored = await asyncio.to_thread(self._store.find, absent)
            found |= stored
            if self._front is not None and stored:
                await self._front.keep(stored)
        return [found.get(key) for key in asked]
