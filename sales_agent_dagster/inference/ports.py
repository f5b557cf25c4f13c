"""What inference needs from storage; the warehouse satisfies it, inference never imports it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Protocol

from sales_agent_dagster.domain.calls import CallRecord, CallScope, Replays, Spend


class CallStore(Protocol):
    """The ledger of calls. Blocking; called from threads, in groups.

    Methods raise TransientError when the database does not answer.

    Attributes:
        is_near: a few keys are looked up in a fraction of a millisecond, and whoever writes is not waited
            for: handing that to another thread would take longer.
    """

    @property
    def is_near(self) -> bool:
        """See the class."""
        ...

    def one_reading(self) -> AbstractContextManager[None]:
        """Look-ups of this thread within it share what each would open: that takes longer than they do."""
        ...

    def find(self, call_keys: Collection[str]) -> dict[str, CallRecord]:
        """Finished calls with an answer, by key."""
        ...

    def add(self, records: Sequence[CallRecord]) -> None:
        """Keep finished calls, all or none; adding one a second time changes nothing.

        The first answer to a key stays: a later ``ok`` for it is kept as ``duplicate``, cost and all.
        """
        ...

    def add_replays(self, replays: Sequence[Replays]) -> None:
        """Count answers that were not bought again."""
        ...

    def spend(self, scope: CallScope, day: date) -> Spend:
        """What the run, the batch and the UTC day have spent so far."""
        ...

    def lead_spend(self, batch_id: str, lead_ids: Collection[str]) -> dict[str, float]:
        """US dollars spent on each lead in the batch; leads without spend are left out."""
        ...

    def prune(self, before: datetime) -> int:
        """Delete the responses, not the calls, that are older; returns how many."""
        ...
