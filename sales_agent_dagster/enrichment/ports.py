"""What enrichment needs from others, which satisfy it without being imported: storage, breakers, Redis."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sales_agent_dagster.domain.lookups import (
    CachedAnswer,
    LeaseRequest,
    LookupKey,
    Refusal,
    Reservation,
    Settlement,
    SpendingCaps,
)


class LookupStore(Protocol):
    """Answers and credits. Blocking; called from threads, in groups.

    Methods raise TransientError when the database does not answer.
    """

    def find(self, asked: Collection[LookupKey]) -> dict[LookupKey, CachedAnswer]:
        """Answers that are kept, fresh or stale."""
        ...

    def reserve(
        self, reservations: Sequence[Reservation], caps: SpendingCaps, now: datetime
    ) -> list[str | Refusal | CachedAnswer]:
        """Per reservation its id, why not, or the answer another process has bought meanwhile."""
        ...

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Store how lookups ended and their answers, and end their leases, in one transaction."""
        ...

    def lease(self, wanted: Sequence[LeaseRequest], now: datetime) -> list[str | CachedAnswer | None]:
        """Per lookup without cost a lease, None while another process has it, or the answer that it found."""
        ...

    def give_back(self, leases: Collection[str]) -> None:
        """End leases whose lookups were not made."""
        ...

    def suppress(self, provider: str, values: Collection[str], now: datetime) -> None:
        """Remember addresses and domains whose owner asked not to be processed."""
        ...


class Breaker(Protocol):
    """Leaves a provider alone that fails, then tries it with one call."""

    async def admit(self, provider: str) -> Any:
        """A permit for one call, or None. Each permit is recorded or released."""
        ...

    async def record(self, provider: str, permit: Any, *, ok: bool) -> None:
        """The outcome of an admitted call."""
        ...

    async def release(self, provider: str, permit: Any) -> None:
        """An admitted call was not made, or says nothing of the provider."""
        ...


class Front(Protocol):
    """A faster copy of the answers, such as Redis. Never raises: losing it costs time, no answer."""

    async def find(self, asked: Sequence[LookupKey]) -> Mapping[LookupKey, CachedAnswer]:
        """Answers that are there."""
        ...

    async def keep(self, answers: Mapping[LookupKey, CachedAnswer]) -> None:
        """Put answers there for as long as they are fresh."""
        ...
