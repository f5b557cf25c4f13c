"""One writer per CRM at a time: a lease in the warehouse that a killed process gives up."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.warehouse.schema import crm_leases

LEASE = timedelta(minutes=10)
"""Longer than any one group of operations takes; renewed before each."""


class LeaseHeld(TransientError):
    """Another sync writes to the CRM."""


class Lease:
    """The right to write to one CRM.

    Args:
        context: of the sync that takes it.
    """

    def __init__(self, context: SyncContext) -> None:
        self._context = context
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"

    def __enter__(self) -> Lease:
        with self._context.warehouse.transaction() as connection:
            self.renew(connection)
        return self

    def __exit__(self, *_: object) -> None:
        leases = crm_leases.c
        with self._context.warehouse.transaction() as connection:
            connection.execute(
                sa.delete(crm_leases).where(leases.crm == self._context.crm, leases.holder == self._holder)
            )

    def renew(self, connection: sa.Connection) -> None:
        """Take or keep the lease.

        Raises:
            LeaseHeld: another living process has it.
        """
        context = self._context
        context.warehouse.exclusive(connection, f"crm-lease-{context.crm}")
        now = context.now()
        row = connection.execute(sa.select(crm_leases).where(crm_leases.c.crm == context.crm)).one_or_none()
        if row is not None and row.holder != self._holder and row.held_until > now and _lives(row.holder):
            until = f"{row.held_until:%H:%M:%S} UTC"
            raise LeaseHeld(f"Another sync writes to {context.crm}, until {until} at most.")
        kept = {"crm": context.crm, "holder": self._holder, "held_until": now + LEASE}
        context.warehouse.upsert(connection, crm_leases, [kept])


def _lives(holder: str) -> bool:
    """False only for a process of this host that is no more."""
    host, pid, _ = holder.split("/")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
