"""From the plan into the CRM: what is planned is sent once, and every operation ends with an outcome."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import (
    Deferred,
    Failed,
    FailureClass,
    PushResult,
    Record,
    Sent,
    Unknown,
)
from sales_agent_dagster.crm.errors import CrmError
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.finding import found_meanwhile, without_taken_away
from sales_agent_dagster.stages.crm.lease import Lease
from sales_agent_dagster.stages.crm.limits import Limits
from sales_agent_dagster.stages.crm.linking import link
from sales_agent_dagster.stages.crm.outbox import (
    Waiting,
    drop,
    enqueue,
    mark,
    mark_sending,
    settle_failed,
    settle_sent,
)
from sales_agent_dagster.stages.crm.planning import KINDS, Planned, Step, plan
from sales_agent_dagster.stages.crm.pulling import confirm, see
from sales_agent_dagster.stages.crm.recording import save_conflicts
from sales_agent_dagster.stages.crm.stored import SNAPSHOTS, save_agreements, snapshots_of
from sales_agent_dagster.stages.crm.suppressing import Gates, told_by_crm

ROUNDS = 3
"""What turns out to be in the CRM already is linked and planned again, so many times per sync."""

GATED = 800
"""Operations between two looks at the suppression gates. A bulk job goes as a whole: it is gated once."""

SAME_FAILURES = 25
"""So many first refusals, all alike, are no rows' fault: the sync stops."""

SETTLED = 100
"""Outcomes that are written together, while others are still under way."""

_IN_THE_WAY = (FailureClass.CONFLICT, FailureClass.GONE)

_STOPPING = {
    FailureClass.AUTH: "The CRM refuses the key",
    FailureClass.PERMISSION: "The key or the plan does not allow it",
    FailureClass.RATE: "The CRM's quota is spent",
    FailureClass.TRANSIENT: "The CRM is not available",
}


class Pusher:
    """Pushes what is planned.

    Args:
        context: of a live sync.
        lease: held.
        ids: companies to push; None is all.
    """

    def __init__(self, context: SyncContext, lease: Lease, ids: Sequence[str] | None) -> None:
        self._context = context
        self._lease = lease
        self._ids = ids
        self._again = False
        self._alike: list[str] = []
        self._tried: set[tuple[Kind, str]] = set()
        self._limits = Limits(context.settings)
        self._groups = _Groups(iter(()))

    def run(self, due: Collection[Kind] = KINDS) -> None:
        """Push until nothing is left that this sync may do; ``card.stopped`` tells why it ended early.

        Args:
            due: kinds that there is anything to do for.
        """
        card = self._context.card
        for _ in range(ROUNDS):
            self._again = False
            for kind in KINDS:
                if kind in due:
                    self._push_kind(kind)
                if card.stopped:
                    return
            card.stopped = self._limits.words()
            if not self._again or card.stopped:
                return
            due = KINDS
            link(self._context)

    def _push_kind(self, kind: Kind) -> None:
        capabilities = self._context.connector.capabilities
        self._groups = _Groups(_groups(self._due(kind), capabilities.push_batch, capabilities.bulk_above))
        for group in self._groups:
            self._push_group(group)
            if self._context.card.stopped:
                return

    def _due(self, kind: Kind) -> Iterator[Planned]:
        """What there is to send of a kind and may be sent now, each once per sync."""
        settled: list[Planned] = []
        for planned in plan(self._context, self._ids, [kind]):
            if planned.settles and planned.step is Step.UNCHANGED:
                settled.append(planned)
            key = (planned.kind, planned.external_key)
            if planned.step not in (Step.CREATE, Step.UPDATE) or key in self._tried:
                continue
            if kind is not Kind.COMPANY and planned.company_id is None:
                continue  # its company could not be created; it stays due with it
            self._tried.add(key)
            yield planned
        self._settle_unchanged(kind, settled)

    def _settle_unchanged(self, kind: Kind, settled: Sequence[Planned]) -> None:
        if not settled or not self._context.connector.fence.passes():
            return
        agreements = {one.remote_id: one.agreed for one in settled if one.remote_id}
        with self._context.warehouse.transaction() as connection:
            save_agreements(self._context, connection, kind, agreements)
            save_conflicts(self._context, connection, settled)

    def _push_group(self, group: Sequence[Planned]) -> None:
        context = self._context
        group, out = found_meanwhile(context, without_taken_away(context, self._limits.within(group)))
        if out:
            self._again = True
            self._tried -= {(one.kind, one.external_key) for one in out}
        # The last look, so that what people change is overwritten by nothing that was compared before.
        group = self._as_of_now(group)
        if not group:
            return
        with context.warehouse.transaction() as connection:
            self._lease.renew(connection)
            queued = enqueue(context, connection, group)
            save_conflicts(context, connection, group)
        with context.warehouse.transaction() as connection:
            self._lease.renew(connection)
            blocked = self._blocked(connection, group)
            going = [one for one in queued if one.operation.external_key not in blocked]
            kept = {one.operation.op_id for one in going}
            drop(connection, [one.operation.op_id for one in queued if one.operation.op_id not in kept])
            mark_sending(context, connection, going)
        context.card.skipped += len(blocked)
        if going:
            self._send(going)

    def _as_of_now(self, group: Sequence[Planned]) -> list[Planned]:
        """The group with what people changed since it was planned: updates are compared once more.

        The records of its updates are read and stored, so that an edit is seen as theirs before we write.
        """
        updates = {one.external_key: one for one in group if one.step is Step.UPDATE and one.remote_id}
        if not updates:
            return list(group)
        kind = group[0].kind
        ids = sorted({str(one.remote_id) for one in updates.values()})
        before = self._snapshots(kind, ids)
        confirm(self._context, kind, ids)
        after = self._snapshots(kind, ids)
        moved = {
            key
            for key, one in updates.items()
            if before.get(str(one.remote_id)) != after.get(str(one.remote_id))
        }
        if not moved:
            return list(group)
        entities = sorted({updates[key].entity_id for key in moved})
        anew = [one for one in plan(self._context, entities, [kind]) if one.external_key in moved]
        self._settle_unchanged(kind, [one for one in anew if one.settles and one.step is Step.UNCHANGED])
        due = [one for one in anew if one.step is Step.UPDATE]
        # A record that one of them was merged into is looked at before it is written to.
        elsewhere = {(kind, one.external_key) for one in due if one.remote_id not in ids}
        self._tried -= elsewhere
        self._again |= bool(elsewhere)
        kept = [one for one in group if one.external_key not in moved]
        return kept + [one for one in due if one.remote_id in ids]

    def _snapshots(self, kind: Kind, ids: Sequence[str]) -> dict[str, Record]:
        with self._context.warehouse.reading() as connection:
            return snapshots_of(connection, self._context.crm, kind, ids)

    def _blocked(self, connection: sa.Connection, group: Sequence[Planned]) -> set[str]:
        """Keys of those that a gate stops now, though it did not when they were planned."""
        context = self._context
        gates = Gates(context, connection, [party for one in group for party in one.parties])
        told: dict[Kind, dict[str, str]] = {}
        for kind in (Kind.COMPANY, Kind.CONTACT):
            ids = {one.company_id if kind is Kind.COMPANY else one.contact_id for one in group}
            ids |= {one.remote_id for one in group if one.kind is kind}
            records = snapshots_of(connection, context.crm, kind, {one for one in ids if one})
            told[kind] = {key: reason for key, one in records.items() if (reason := told_by_crm(one.fields))}
        return {
            one.external_key
            for one in group
            if any(gates.reason(party) for party in one.parties)
            or one.company_id in told[Kind.COMPANY]
            or one.contact_id in told[Kind.CONTACT]
            or one.remote_id in told.get(one.kind, {})
        }

    def _send(self, going: Sequence[Waiting]) -> None:
        left = {one.operation.op_id: one for one in going}
        came: list[tuple[Waiting, PushResult]] = []
        results: list[tuple[Waiting, PushResult]] = []
        try:
            for result in self._context.connector.push([one.operation for one in going]):
                came.append((left.pop(result.op_id), result))
                if len(came) >= SETTLED:
                    settled, came = came, []
                    results += settled
                    self._settle(settled)
                    self._groups.look_ahead()
        finally:
            # Whatever happened: what has no outcome may have been sent.
            lost = "The connector gave no outcome."
            came += [(one, Unknown(op_id, lost)) for op_id, one in left.items()]
            results += came
            self._settle(came)
        self._see_created(results)
        self._look_after(results)
        self._circuit([result for _, result in results])

    def _settle(self, results: Sequence[tuple[Waiting, PushResult]]) -> None:
        """Write outcomes down, unless the lease is lost: who took it over reads back what came of them."""
        context, card = self._context, self._context.card
        if not context.connector.fence.passes():
            return
        sent = [(one, result) for one, result in results if isinstance(result, Sent)]
        failed = [(one, result) for one, result in results if isinstance(result, Failed)]
        with context.warehouse.transaction() as connection:
            settle_sent(context, connection, sent)
            settle_failed(context, connection, failed)
            for one, result in results:
                if isinstance(result, Unknown):
                    mark(context, connection, [result.op_id], "unknown", message=result.message[:300])
                elif isinstance(result, Deferred):
                    words = {"failure": result.failure.value, "message": result.message[:300]}
                    if result.remote_id is not None:
                        words["remote_id"] = result.remote_id
                    mark(context, connection, [one.operation.op_id], "failed", **words)
        for _, result in sent:
            card.created += result.created
            card.updated += not result.created
        card.rejected += len(failed)
        card.rejected_by_class.update(result.failure.value for _, result in failed)
        card.unknown += sum(isinstance(result, Unknown) for _, result in results)
        card.deferred += sum(isinstance(result, Deferred) for _, result in results)

    def _see_created(self, results: Sequence[tuple[Waiting, PushResult]]) -> None:
        """What the answers told nothing of is looked at once, so that a person's first edit shows as theirs.

        That is what the CRM filled in by itself, such as a status and an owner.
        """
        ids: dict[Kind, list[str]] = {}
        for one, result in results:
            if not isinstance(result, Sent) or not result.created or result.modified_at is not None:
                continue
            if one.operation.kind in SNAPSHOTS:
                ids.setdefault(one.operation.kind, []).append(result.remote_id)
        for kind, some in ids.items():
            # Where it cannot be read now, the next pull brings it.
            with suppress(CrmError):
                see(self._context, kind, some)

    def _look_after(self, results: Sequence[tuple[Waiting, PushResult]]) -> None:
        """What is in the way or gone is read, so that the next plan knows it."""
        ids: dict[Kind, set[str]] = {}
        for one, failure in results:
            if not isinstance(failure, Failed | Deferred) or failure.failure not in _IN_THE_WAY:
                continue
            for remote_id in (failure.remote_id, one.operation.remote_id):
                if remote_id and one.operation.kind in SNAPSHOTS:
                    ids.setdefault(one.operation.kind, set()).add(remote_id)
            self._tried.discard((one.operation.kind, one.operation.external_key))
            self._again = True
        for kind, some in ids.items():
            confirm(self._context, kind, sorted(some))

    def _circuit(self, results: Sequence[PushResult]) -> None:
        card = self._context.card
        deferred = [
            result
            for result in results
            if isinstance(result, Deferred) and result.failure is not FailureClass.CONFLICT
        ]
        for result in deferred:
            if result.failure is not FailureClass.TRANSIENT or len(deferred) == len(results):
                card.stopped = f"{_STOPPING.get(result.failure, result.failure)}: {result.message}"
                return
        if card.created or card.updated:
            return
        self._alike += [result.message for result in results if isinstance(result, Failed)]
        if len(self._alike) >= SAME_FAILURES and len(set(self._alike)) == 1:
            card.stopped = f"The first {len(self._alike)} operations all failed: {self._alike[0]}"


class _Groups(Iterator[list[Planned]]):
    """Groups, of which the next one may be planned while one is under way."""

    def __init__(self, groups: Iterator[list[Planned]]) -> None:
        self._groups = groups
        self._next: list[list[Planned]] = []

    def look_ahead(self) -> None:
        """Plan the next one, unless it is planned."""
        if not self._next:
            self._next.extend(islice(self._groups, 1))

    def __next__(self) -> list[Planned]:
        self.look_ahead()
        if not self._next:
            raise StopIteration
        return self._next.pop()


def _groups(due: Iterator[Planned], most: int, bulk_above: int | None) -> Iterator[list[Planned]]:
    """What is due in groups that pass the gates together: a bulk job's worth, or few."""
    if bulk_above is None:
        most = min(most, GATED)
    while some := list(islice(due, most)):
        size = len(some) if bulk_above is not None and len(some) > bulk_above else GATED
        for start in range(0, len(some), size):
            yield some[start : start + size]
