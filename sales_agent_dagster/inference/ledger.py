"""The ledger's front: recalls answers, records calls, in groups and off the event loop.

One thread writes. What arrives while it writes is the next group, so a call costs a fraction of a
transaction; a caller goes on when its group is committed. A process killed at any moment has lost no call
that ``record`` returned for: at most the calls in flight are bought again. (SQLite commits without waiting
for the disk, so a power cut may take the last of them too.)
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sales_agent_dagster.domain.calls import CallRecord, CallScope, Replays, Spend
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.inference.ports import CallStore

GROUP_SECONDS = 0.005
"""While calls come faster than they are written, groups are begun this far apart, so that many share one
transaction. Calls that come one by one are written as they come."""

HEAD_START_S = 0.005
"""After a pause of ``PAUSE_S`` a call is written this much later: whoever got the answer goes on first, as
only one of them can run. Among many calls it would cost more than it saves: each keeps its place so long."""
PAUSE_S = 0.1

FEW_KEYS = 8
"""So many are looked up where they are asked for, when the store is near."""

MAX_GROUP = 500
"""Calls in one transaction."""

_log = logging.getLogger(__name__)


def call_key(
    *, agent: str, prompt_version: str, model: str, parameters_hash: str, schema_hash: str, input_hash: str
) -> str:
    """What a call is known by: calls with equal keys have the same answer, whoever asks."""
    return content_hash(agent, prompt_version, model, parameters_hash, schema_hash, input_hash)


def cost_to(record: CallRecord, batch_id: str, lead_id: str) -> float:
    """What a replayed call counts for a lead's row: its cost where it was bought for that lead and batch.

    So the rows of a run that was killed and repeated equal those of one that was not, and money that
    another batch or lead spent is not counted again.
    """
    bought_here = (record.scope.batch_id, record.lead_id) == (batch_id, lead_id)
    return record.cost_usd if bought_here else 0.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A call that is to be written, and who waits for it."""

    record: CallRecord
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


_Seen = tuple[dict[str, CallRecord], dict[str, float]]
"""Finished calls by key, and US dollars by lead."""


class Ledger:
    """All calls of one process. Safe to use from several threads and event loops.

    A call that could not be stored stays in memory and is written before the next read or write, so that a
    step that is tried again after the database came back finds what it paid for.

    Args:
        store: where calls are kept.
        retention_days: responses that are older are deleted when the ledger is first read; None keeps them.
        now: the current UTC time.
    """

    def __init__(
        self,
        store: CallStore,
        retention_days: int | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._prune_after = None if retention_days is None else timedelta(days=retention_days)
        self._now = now
        self._arrived = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._writer: threading.Thread | None = None
        self._closed = False
        self._storing = threading.RLock()
        self._unsaved: list[CallRecord] = []
        self._fault: TransientError | None = None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def recall(self, call_keys: Sequence[str], scope: CallScope) -> dict[str, CallRecord]:
        """Finished calls with an answer, by key, and count them as replayed; a key given twice counts twice.

        Raises:
            TransientError: the database does not answer.
        """
        return await asyncio.to_thread(self._recall, call_keys, scope)

    async def recall_for(
        self, call_keys: Sequence[str], scope: CallScope, lead_ids: Collection[str]
    ) -> _Seen:
        """``recall``, and the ``lead_spend`` of leads, in one go. Few keys in a near store are read here."""
        seen = self._seen(call_keys, scope, lead_ids)
        if seen is None:
            seen = await asyncio.to_thread(self._look_up, call_keys, scope, lead_ids)
        if seen[0]:
            await asyncio.to_thread(self._count_replays, call_keys, seen[0], scope)
        return seen

    async def record(self, call: CallRecord) -> None:
        """Keep a finished call; returns when it is stored. Cancelling the wait does not lose the call.

        Raises:
            TransientError: the database does not answer; the call is kept in memory meanwhile.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._arrived:
            if self._closed:
                raise RuntimeError("the ledger is closed")
            self._waiting.append(_Waiting(call, loop, done))
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="ledger", daemon=True)
                self._writer.start()
            self._arrived.notify()
        await done

    def spend(self, scope: CallScope, day: date) -> Spend:
        """What the run, the batch and the UTC day have spent so far. Blocking; see ``CallStore.spend``."""
        self._save([])
        return self._store.spend(scope, day)

    def lead_spend(self, batch_id: str, lead_ids: Collection[str]) -> dict[str, float]:
        """What was spent on each lead in the batch. Blocking; see ``CallStore.lead_spend``."""
        self._save([])
        return self._store.lead_spend(batch_id, lead_ids)

    @property
    def has_unsaved(self) -> bool:
        """Whether a finished call could not be stored and is kept in memory."""
        return bool(self._unsaved)

    @property
    def fault(self) -> TransientError | None:
        """Why a finished call could not be stored; None when all are."""
        return self._fault if self._unsaved else None

    def save_late(self) -> None:
        """Store what could not be stored before. Blocking. Raises TransientError when it still cannot be."""
        self._save([])

    def close(self) -> None:
        """Write what is left and end the thread. What cannot be stored now is lost, and a warning says so."""
        with self._arrived:
            self._closed = True
            self._arrived.notify()
        if self._writer is not None:
            self._writer.join()
        try:
            self._save([])
        except TransientError as error:
            _log.warning(
                "%d finished calls for $%.4f could not be stored and would be bought again: %s",
                len(self._unsaved),
                sum(call.cost_usd for call in self._unsaved),
                error,
            )

    def _recall(self, call_keys: Sequence[str], scope: CallScope) -> dict[str, CallRecord]:
        self._save([])
        self._prune()
        found = self._store.find(call_keys)
        self._count_replays(call_keys, found, scope)
        return found

    def _count_replays(
        self, call_keys: Sequence[str], found: Mapping[str, CallRecord], scope: CallScope
    ) -> None:
        if found:
            replayed = (found[key] for key in call_keys if key in found)
            self._store.add_replays(_count(replayed, scope, self._now().date()))

    def _seen(self, call_keys: Sequence[str], scope: CallScope, lead_ids: Collection[str]) -> _Seen | None:
        """What the ledger has, when that can be read at once; None when something has to be waited for."""
        if len(call_keys) > FEW_KEYS or not self._store.is_near or not self._storing.acquire(blocking=False):
            return None
        try:
            waits = self._unsaved or self._prune_after is not None
            return None if waits else self._look_up(call_keys, scope, lead_ids)
        finally:
            self._storing.release()

    def _look_up(self, call_keys: Sequence[str], scope: CallScope, lead_ids: Collection[str]) -> _Seen:
        self._save([])
        self._prune()
        with self._store.one_reading():
            found = self._store.find(call_keys)
            return found, self._store.lead_spend(scope.batch_id, lead_ids) if lead_ids else {}

    def _prune(self) -> None:
        with self._storing:
            if self._prune_after is not None:
                self._store.prune(self._now() - self._prune_after)
                self._prune_after = None

    def _write(self) -> None:
        """What the thread does: one group after the other until the ledger is closed."""
        while group := self._next_group():
            started = time.monotonic()
            faults = self._attempt([waiting.record for waiting in group])
            _settle(group, faults)
            if len(group) > 1 or self._waiting:
                time.sleep(max(0.0, GROUP_SECONDS - (time.monotonic() - started)))

    def _next_group(self) -> list[_Waiting]:
        with self._arrived:
            began = time.monotonic()
            self._arrived.wait_for(lambda: self._waiting or self._closed)
        if time.monotonic() - began >= PAUSE_S:
            time.sleep(HEAD_START_S)
        with self._arrived:
            group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
            return group

    def _attempt(self, calls: Sequence[CallRecord]) -> Mapping[int, Exception]:
        """Store calls; returns what stopped those that were not, by position."""
        try:
            self._save(calls)
        except TransientError as error:
            return dict.fromkeys(range(len(calls)), error)
        except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for it
            if len(calls) == 1:
                return {0: error}
            # A call that the database refuses must not take the others of its group with it.
            alone = enumerate(self._attempt([call]) for call in calls)
            return {number: faults[0] for number, faults in alone if faults}
        return {}

    def _save(self, calls: Sequence[CallRecord]) -> None:
        """Store calls, and before them those that could not be stored earlier."""
        with self._storing:
            try:
                self._save_late()
                self._store.add(calls)
            except TransientError as fault:
                self._fault = fault
                self._unsaved += calls
                raise

    def _save_late(self) -> None:
        while self._unsaved:
            try:
                self._store.add(self._unsaved[:1])
            except TransientError:
                raise
            except Exception as error:  # noqa: BLE001 - its waiter is gone, and later calls must not wait
                lost = self._unsaved[0]
                _log.error("A call of %s for $%.4f cannot be stored: %r", lost.agent, lost.cost_usd, error)
            del self._unsaved[0]


def _settle(group: Iterable[_Waiting], faults: Mapping[int, Exception]) -> None:
    """Tell everybody in a group what came of it, each event loop by one message."""
    by_loop: defaultdict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Exception | None]]]
    by_loop = defaultdict(list)
    for number, waiting in enumerate(group):
        by_loop[waiting.loop].append((waiting, faults.get(number)))
    for loop, told in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_tell, told)


def _tell(told: Iterable[tuple[_Waiting, Exception | None]]) -> None:
    for waiting, fault in told:
        if waiting.done.done():
            continue  # its waiter was cancelled
        if fault is None:
            waiting.done.set_result(None)
        else:
            waiting.done.set_exception(fault)


def _count(replayed: Iterable[CallRecord], scope: CallScope, day: date) -> list[Replays]:
    counts: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for call in replayed:
        counts[call.agent, call.model].append(call.cost_usd)
    return [
        Replays(scope, agent, model, day.isoformat(), len(costs), sum(costs))
        for (agent, model), costs in counts.items()
    ]
