"""Close with people in it: what the engine's tests do to a CRM, by our names of fields."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.contract import Record, Value
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster_tests.close_server.running import RunningClose

PATHS = {Kind.COMPANY: "lead", Kind.CONTACT: "contact"}
CREATES = {
    Kind.COMPANY: "/lead/",
    Kind.CONTACT: "/contact/",
    Kind.NOTE: "/activity/note/",
    Kind.EMAIL_DRAFT: "/activity/email/",
}


class CloseWorld:
    """An organisation, our connector to it, and its people.

    Args:
        connect: makes a connector, on the organisation's time.
    """

    def __init__(self, close: RunningClose, connect: Callable[[], CloseConnector]) -> None:
        self.close = close
        self.connect = connect
        self.connector = connect()
        self.connector.ensure_fields(dry_run=False)
        close.log.clear()

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.close.clock.now(), UTC)

    def tick(self, seconds: float = 1) -> datetime:
        """Time passes."""
        self.close.clock.advance(seconds)
        return self.now

    # What people do there.

    def add(self, kind: Kind = Kind.COMPANY, /, *, company_id: str | None = None, **fields: Value) -> str:
        """A person creates a record."""
        body = self.connector.mapper.body(kind, {k: v for k, v in fields.items() if k != "status"})
        body |= {"lead_id": company_id} if company_id else {}
        body |= {"status": fields["status"]} if "status" in fields else {}
        return str(self.close.ask("POST", f"/{PATHS[kind]}/", body)["id"])

    def edit(self, kind: Kind, remote_id: str, /, **fields: Value | None) -> None:
        """A person edits a record; None clears."""
        path = f"/{PATHS[kind]}/{remote_id}/"
        current = self.close.ask("GET", path)
        body = self.connector.mapper.body(kind, {k: v for k, v in fields.items() if k != "status"}, current)
        body |= {"status": fields["status"]} if "status" in fields else {}
        self.close.ask("PUT", path, body)

    def delete(self, kind: Kind, remote_id: str) -> None:
        """A person deletes a record."""
        self.close.ask("DELETE", f"/{PATHS[kind]}/{remote_id}/")

    def merge(self, source: str, target: str) -> None:
        """A person merges a company into another."""
        self.close.ask("POST", "/lead/merge/", {"source": source, "destination": target})

    def unsubscribe(self, email: str) -> None:
        self.close.ask("POST", "/unsubscribe/email/", {"email": email})

    # What there is.

    def living(self, kind: Kind = Kind.COMPANY) -> list[Record]:
        """Records as they are, whatever the index says."""
        paths = [f"/{PATHS[kind]}/{each['id']}/" for each in self.close.objects(PATHS[kind])]
        return [self.connector.mapper.record(kind, self.close.ask("GET", path)) for path in paths]

    def writes(self) -> list[Any]:
        """Calls that could have changed something."""
        return self.close.writes()

    # What goes wrong.

    def lose(self, kind: Kind = Kind.COMPANY, *, done: bool = True, times: int = 1, after: int = 0) -> None:
        """The answers to the next creates of a kind get lost, when they are done or before."""
        fault = "drop" if done else "drop_before"
        self.close.fault(fault, method="POST", path=CREATES[kind], times=times, after=after)

    def heal(self) -> None:
        """No more faults."""
        self.close.app.plan.standing.clear()
        self.close.app.plan.script.clear()
