"""Answers and credits of the providers of facts: satisfies ``enrichment.ports.LookupStore``."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.lookups import (
    CachedAnswer,
    LeaseRequest,
    LookupKey,
    LookupOutcome,
    Refusal,
    RefusalKind,
    Reservation,
    Settlement,
    SpendingCaps,
)
from sales_agent_dagster.warehouse import lookup_leases
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    enrichment_cache,
    enrichment_credits,
    enrichment_suppressions,
)

IN_FLIGHT_FOR = timedelta(minutes=2)
"""A lookup without a word for longer was cut off: no request takes that long."""

MAX_REASON = 300
KEYS_AT_ONCE = 500

Granted = str
"""Id of a reservation."""


class WarehouseLookups:
    """Lookups in ``enrichment_cache`` and ``enrichment_credits``, on SQLite and PostgreSQL.

    Methods raise TransientError when the database is locked or does not answer.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def find(self, asked: Collection[LookupKey]) -> dict[LookupKey, CachedAnswer]:
        """Answers that are kept, fresh or stale."""
        with self._warehouse.reading() as connection:
            return _cached(connection, asked)

    def reserve(
        self, reservations: Sequence[Reservation], caps: SpendingCaps, now: datetime
    ) -> list[Granted | Refusal | CachedAnswer]:
        """Set credits aside, per reservation in order; all are of one provider and one run.

        An answer that another process has bought meanwhile comes back instead. What is reserved and not yet
        settled counts as spent.
        """
        if not reservations:
            return []
        provider = reservations[0].asked.provider
        with self._warehouse.transaction() as connection:
            self._warehouse.exclusive(connection, "enrichment_credits")
            answers = _cached(connection, [item.asked for item in reservations])
            open_since = _open_reservations(connection, provider, reservations)
            spent = _Spent(connection, reservations[0], now)
            results: list[Granted | Refusal | CachedAnswer] = []
            rows = []
            for item in reservations:
                answer = answers.get(item.asked)
                if answer is not None and answer.version == item.version and answer.fresh_until > now:
                    results.append(answer)
                elif since := open_since.get(item.asked.key):
                    results.append(_unsettled(since, now))
                elif refusal := spent.refusal(item, caps):
                    results.append(refusal)
                else:
                    spent.add(item)
                    row = _reserved(item, now)
                    open_since[item.asked.key] = now
                    rows.append(row)
                    results.append(str(row["lookup_id"]))
            if rows:
                connection.execute(sa.insert(enrichment_credits), rows)
        return results

    def settle(self, settlements: Sequence[Settlement]) -> None:
        """Store how lookups ended and their answers, and end their leases, in one transaction."""
        if not settlements:
            return
        ordered = sorted(settlements, key=lambda item: item.asked)
        rows = [_settled(item) for item in ordered]
        answers = [_answer_row(item.asked, item.answer) for item in ordered if item.answer is not None]
        with self._warehouse.transaction() as connection:
            self._warehouse.upsert(connection, enrichment_credits, rows)
            self._warehouse.upsert(connection, enrichment_cache, answers)
            lookup_leases.give_back(connection, {item.lease for item in ordered if item.lease})

    def lease(self, wanted: Sequence[LeaseRequest], now: datetime) -> list[str | CachedAnswer | None]:
        """Per lookup without cost the id of its lease, None while another process has it.

        An answer that another process has found meanwhile comes back instead.
        """
        with self._warehouse.transaction() as connection:
            answers = _cached(connection, [item.asked for item in wanted])
            known = {
                item.asked: answer
                for item in wanted
                if (answer := answers.get(item.asked)) is not None
                and answer.version == item.version
                and answer.fresh_until > now
            }
            open_ = [item for item in wanted if item.asked not in known]
            leases = lookup_leases.taken(self._warehouse, connection, open_, now)
        return [known.get(item.asked) or leases.get(item.asked) for item in wanted]

    def give_back(self, leases: Collection[str]) -> None:
        """End leases whose lookups were not made."""
        with self._warehouse.transaction() as connection:
            lookup_leases.give_back(connection, leases)

    def suppress(self, provider: str, values: Collection[str], now: datetime) -> None:
        """Remember addresses and domains whose owner asked not to be processed.

        Who said so first, and when, stays.
        """
        value = enrichment_suppressions.c.value
        with self._warehouse.transaction() as connection:
            known = set(connection.scalars(sa.select(value).where(value.in_(sorted(values)))))
            new = sorted(set(values) - known)
            rows = [{"value": each, "provider": provider, "created_at": now} for each in new]
            self._warehouse.upsert(connection, enrichment_suppressions, rows)

    def prune(self, stale_since: datetime, now: datetime) -> int:
        """Delete answers that have been stale since before then; returns how many. Opt-outs stay."""
        columns = enrichment_cache.c
        old = sa.delete(enrichment_cache).where(
            columns.fresh_until < stale_since, columns.outcome != LookupOutcome.SUPPRESSED.value
        )
        with self._warehouse.transaction() as connection:
            lookup_leases.drop_expired(connection, now)
            return int(connection.execute(old).rowcount)

    def release_cut_off(self, now: datetime) -> list[tuple[str, str]]:
        """Give up lookups that were cut off; returns batch and lead of each, to be asked about again.

        Their credits stay counted as spent: nobody knows that they were not.
        """
        columns = enrichment_credits.c
        cut_off = (columns.state == "reserved", columns.reserved_at <= now - IN_FLIGHT_FOR)
        release = (
            sa.update(enrichment_credits)
            .where(*cut_off)
            .values(state="settled", outcome="failed", reason="cut off", settled_at=now)
        )
        with self._warehouse.transaction() as connection:
            leads = sa.select(columns.batch_id, columns.lead_id).where(*cut_off).order_by(columns.lookup_id)
            found = [(row.batch_id, row.lead_id) for row in connection.execute(leads)]
            connection.execute(release)
        return found


class _Spent:
    """What a run and a day have spent so far, and what is added while reservations are made."""

    def __init__(self, connection: sa.Connection, first: Reservation, now: datetime) -> None:
        columns = enrichment_credits.c
        own = columns.provider == first.asked.provider
        self._day_left_s = _day_left_s(now)

        def total(column: sa.Column[float], *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[float]:
            return sa.select(sa.func.coalesce(sa.func.sum(column), 0.0)).where(*where).scalar_subquery()

        run, day = columns.run_id == first.scope.run_id, columns.day == _day(now)
        self._run_credits, self._day_credits, self._run_usd, self._day_usd = connection.execute(
            sa.select(
                total(columns.credits, own, run),
                total(columns.credits, own, day),
                total(columns.cost_usd, run),
                total(columns.cost_usd, day),
            )
        ).one()

    def refusal(self, item: Reservation, caps: SpendingCaps) -> Refusal | None:
        """Why the credits would be too many."""
        usd = item.credits * item.usd_per_credit
        day_left_s = self._day_left_s
        for name, spent, more, cap, wait_s in (
            ("the run's credits", self._run_credits, item.credits, caps.run_credits, None),
            ("the day's credits", self._day_credits, item.credits, caps.day_credits, day_left_s),
            ("the run's dollars", self._run_usd, usd, caps.run_usd, None),
            ("the day's dollars", self._day_usd, usd, caps.day_usd, day_left_s),
        ):
            if cap is not None and spent + more > cap + 1e-9:
                return Refusal(RefusalKind.CAP, f"{name} are used up: {spent:g} of {cap:g}", wait_s)
        return None

    def add(self, item: Reservation) -> None:
        """Count a reservation."""
        usd = item.credits * item.usd_per_credit
        self._run_credits += item.credits
        self._day_credits += item.credits
        self._run_usd += usd
        self._day_usd += usd


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()


def _day_left_s(moment: datetime) -> float:
    """Seconds until the next midnight, UTC."""
    begun = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (begun + timedelta(days=1) - moment).total_seconds()


def _cached(connection: sa.Connection, asked: Collection[LookupKey]) -> dict[LookupKey, CachedAnswer]:
    columns = enrichment_cache.c
    by_provider: dict[str, list[str]] = {}
    for key in sorted(set(asked)):
        by_provider.setdefault(key.provider, []).append(key.key)
    found = {}
    for provider, keys in by_provider.items():
        for portion in _portions(keys):
            query = sa.select(enrichment_cache).where(
                columns.provider == provider, columns.lookup_key.in_(portion)
            )
            for row in connection.execute(query):
                found[LookupKey(provider, row.lookup_key)] = CachedAnswer(
                    row.version, LookupOutcome(row.outcome), row.payload, row.fetched_at, row.fresh_until
                )
    return found


def _open_reservations(
    connection: sa.Connection, provider: str, reservations: Sequence[Reservation]
) -> dict[str, datetime]:
    columns = enrichment_credits.c
    since: dict[str, datetime] = {}
    for portion in _portions([item.asked.key for item in reservations]):
        query = sa.select(columns.lookup_key, columns.reserved_at).where(
            columns.provider == provider, columns.lookup_key.in_(portion), columns.state == "reserved"
        )
        since |= dict(connection.execute(query).tuples().all())
    return since


def _unsettled(since: datetime, now: datetime) -> Refusal:
    if now - since < IN_FLIGHT_FOR:
        return Refusal(RefusalKind.IN_FLIGHT, "the same is being asked by another process")
    return Refusal(
        RefusalKind.CUT_OFF,
        f"a lookup of {since:%Y-%m-%d %H:%M} UTC was cut off and may have cost its credits; "
        "sales-agent enrich --ask-again",
    )


def _reserved(item: Reservation, now: datetime) -> dict[str, Any]:
    return {
        "lookup_id": secrets.token_hex(16),
        "provider": item.asked.provider,
        "lookup_key": item.asked.key,
        "run_id": item.scope.run_id,
        "batch_id": item.scope.batch_id,
        "lead_id": item.lead_id,
        "day": _day(now),
        "state": "reserved",
        "credits": item.credits,
        "cost_usd": item.credits * item.usd_per_credit,
        "facts": 0,
        "reserved_at": now,
    }


def _settled(item: Settlement) -> Mapping[str, Any]:
    began = item.finished_at - timedelta(milliseconds=item.latency_ms)
    return {
        "lookup_id": item.lookup_id or secrets.token_hex(16),
        "provider": item.asked.provider,
        "lookup_key": item.asked.key,
        "run_id": item.scope.run_id,
        "batch_id": item.scope.batch_id,
        "lead_id": item.lead_id,
        "day": _day(began),
        "state": "settled",
        "credits": item.credits,
        "cost_usd": item.credits * item.usd_per_credit,
        "outcome": item.outcome.value,
        "reason": item.reason and item.reason[:MAX_REASON],
        "facts": item.facts,
        "latency_ms": item.latency_ms,
        "reserved_at": began,
        "settled_at": item.finished_at,
    }


def _answer_row(asked: LookupKey, answer: CachedAnswer) -> dict[str, Any]:
    return {
        "provider": asked.provider,
        "lookup_key": asked.key,
        "version": answer.version,
        "outcome": answer.outcome.value,
        "payload": answer.payload,
        "fetched_at": answer.fetched_at,
        "fresh_until": answer.fresh_until,
    }


def _portions(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), KEYS_AT_ONCE):
        yield values[start : start + KEYS_AT_ONCE]
