"""What a webhook brings: its events at once, the records they speak of right after."""

from __future__ import annotations

import hashlib
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Event, EventAction
from sales_agent_dagster.crm.delivery import WINDOW_S, DeliveryRefused
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.happening import store_events
from sales_agent_dagster.stages.crm.pulling import READ_AT_A_TIME, confirm
from sales_agent_dagster.stages.crm.stored import SNAPSHOTS
from sales_agent_dagster.warehouse.schema import crm_deliveries

KEPT_S = 4 * WINDOW_S
"""Longer than any clock may be off: what is older is refused as old."""

Touched = set[tuple[Kind, str]]


def take_delivery(context: SyncContext, signature: str, events: Sequence[Event]) -> Touched:
    """Store a verified delivery's events, once; the records to read for their values.

    A CRM that did not get our answer delivers anew, with a new time and so a new signature: its events are
    recognised. The same signature again is a replay.

    Raises:
        DeliveryRefused: replayed.
        TransientError: the warehouse is locked or not reachable; nothing is stored.
    """
    with context.warehouse.transaction() as connection:
        context.warehouse.exclusive(connection, f"crm-pull-{context.crm}")
        _claim(context, connection, signature)
        store_events(context, connection, events)
    touched = {(event.kind, event.remote_id) for event in events if event.action is not EventAction.DELETED}
    touched |= {(event.kind, event.merged_into) for event in events if event.merged_into}
    return {(kind, remote_id) for kind, remote_id in touched if kind in SNAPSHOTS}


def _claim(context: SyncContext, connection: sa.Connection, signature: str) -> None:
    row, now = crm_deliveries.c, context.now()
    digest = hashlib.sha256(signature.encode()).hexdigest()
    known = sa.select(row.digest).where(row.crm == context.crm, row.digest == digest)
    if connection.scalar(known) is not None:
        raise DeliveryRefused("replayed", "The delivery was taken before.")
    connection.execute(sa.delete(crm_deliveries).where(row.received_at < now - timedelta(seconds=KEPT_S)))
    context.warehouse.upsert(
        connection, crm_deliveries, [{"crm": context.crm, "digest": digest, "received_at": now}]
    )


class Reader:
    """Reads records that deliveries speak of: each once, however many came while another was read.

    What is not read, since the process ends or the CRM does not answer, comes with the next pull.
    """

    def __init__(self, context: SyncContext) -> None:
        self._context = context
        self._waiting: Touched = set()
        self._adding = threading.Lock()
        self._reading = threading.Lock()

    def add(self, touched: Iterable[tuple[Kind, str]]) -> None:
        """Records to read."""
        with self._adding:
            self._waiting.update(touched)

    def run(self) -> None:
        """Read what waits; returns at once when another thread is reading, which takes it along.

        Raises:
            CrmError: the CRM cannot be read.
        """
        while self._waiting and self._reading.acquire(blocking=False):
            try:
                self._read(self._taken())
            finally:
                self._reading.release()

    def stop(self) -> None:
        """Forget what waits; returns when nothing is read any more."""
        self._taken()
        with self._reading:
            pass

    def _taken(self) -> Touched:
        with self._adding:
            taken, self._waiting = self._waiting, set()
        return taken

    def _read(self, touched: Touched) -> None:
        by_kind: defaultdict[Kind, list[str]] = defaultdict(list)
        for kind, remote_id in sorted(touched):
            by_kind[kind].append(remote_id)
        # Companies first: others belong to them.
        for kind in SNAPSHOTS:
            for start in range(0, len(by_kind[kind]), READ_AT_A_TIME):
                confirm(self._context, kind, by_kind[kind][start : start + READ_AT_A_TIME])
