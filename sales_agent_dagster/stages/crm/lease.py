"""One writer per CRM at a time: a lease in the warehouse, kept while its process lives."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.holder import lives, this_process
from sales_agent_dagster.warehouse.schema import crm_leases

LEASE = timedelta(minutes=10)
"""After so long without a beat a holder counts as dead, unless it is seen to live."""

BEAT_S = 60.0
"""The lease is renewed so often, however long a group of operations takes."""

SKEW = timedelta(minutes=5)
"""So far may the clock of another machine be ahead of ours."""

_LOG = logging.getLogger(__name__)


class LeaseHeld(TransientError):
    """Another sync writes to the CRM."""


class Lease:
    """The right to write to one CRM. A thread with its own connection renews it while it is held.

    Args:
        context: of the sync that takes it.
        beat_s: seconds between renewals.

    Attributes:
        lost: another process took it over: nothing may be written any more.

    Raises:
        LeaseHeld: on entering, when another living process has it.
    """

    def __init__(self, context: SyncContext, beat_s: float = BEAT_S) -> None:
        self._context = context
        self._beat_s = beat_s
        self._holder = this_process()
        self._held_until = context.now()
        self._looking = threading.Lock()
        self.lost = False
        self._over = threading.Event()
        self._heart = threading.Thread(target=self._beat, name=f"{context.crm} lease", daemon=True)

    def __enter__(self) -> Lease:
        with self._context.warehouse.transaction() as connection:
            row = self._row(connection)
            if row is not None and self._is_held(row):
                raise LeaseHeld(f"Another sync writes to {self._context.crm}: try again when it has ended.")
            self._keep(connection)
        self._heart.start()
        self._context.connector.fence.passes = self.holds
        return self

    def __exit__(self, *_: object) -> None:
        self._context.connector.fence.open()
        self._over.set()
        self._heart.join()
        leases = crm_leases.c
        with self._context.warehouse.transaction() as connection:
            connection.execute(
                sa.delete(crm_leases).where(leases.crm == self._context.crm, leases.holder == self._holder)
            )

    def renew(self, connection: sa.Connection) -> None:
        """Keep the lease.

        Raises:
            LeaseHeld: it was lost: another process has it, or had it meanwhile.
        """
        row = self._row(connection)
        if self.lost or row is None or row.holder != self._holder:
            self.lost = True
            raise LeaseHeld(f"Another sync took over writing to {self._context.crm}.")
        self._keep(connection)

    def holds(self) -> bool:
        """Whether the sync may still write; it looks where nobody renewed the lease for long.

        So a process that was suspended within a group sends nothing of it that another one may have sent.
        """
        with self._looking:
            if not self.lost and self._context.now() > self._held_until - SKEW:
                try:
                    with self._context.warehouse.transaction() as connection:
                        self.renew(connection)
                except LeaseHeld as lost:
                    _LOG.warning("%s What was not sent yet is not sent.", lost)
                except TransientError as error:
                    _LOG.warning("The lease on %s was not renewed: %s", self._context.crm, error)
                    return False
            return not self.lost

    def _row(self, connection: sa.Connection) -> sa.Row[tuple[object, ...]] | None:
        crm, warehouse = self._context.crm, self._context.warehouse
        warehouse.exclusive(connection, f"crm-lease-{crm}")
        return connection.execute(sa.select(crm_leases).where(crm_leases.c.crm == crm)).one_or_none()

    def _is_held(self, row: sa.Row[tuple[object, ...]]) -> bool:
        living = lives(row.holder)
        return row.held_until > self._context.now() if living is None else living

    def _keep(self, connection: sa.Connection) -> None:
        context = self._context
        self._held_until = context.now() + LEASE
        kept = {"crm": context.crm, "holder": self._holder, "held_until": self._held_until}
        context.warehouse.upsert(connection, crm_leases, [kept])

    def _beat(self) -> None:
        while not self._over.wait(self._beat_s):
            try:
                with self._context.warehouse.transaction() as connection:
                    self.renew(connection)
            except LeaseHeld as lost:
                _LOG.warning("%s It stops before the next group.", lost)
                return
            except TransientError as error:
                _LOG.warning("The lease on %s was not renewed: %s", self._context.crm, error)
