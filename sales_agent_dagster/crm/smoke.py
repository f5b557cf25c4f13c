"""A check against the real CRM: one company is created, read and deleted, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sales_agent_dagster.crm.contract import Action, Connector, FieldState, Operation, Sent, Unknown, Verdict
from sales_agent_dagster.crm.errors import CrmError
from sales_agent_dagster.crm.fields import EXTERNAL_KEY, Kind

NAME = "Sales Agent live smoke, safe to delete"
READS = 4
"""Times that a record is read until it is there, or gone: some CRMs are slow to see their own writes."""

WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step and what came of it."""

    name: str
    ok: bool
    message: str


class SmokeFailed(Exception):
    """A step came out wrong; its text says how."""


def live_smoke(connector: Connector, tag: str, wait: Callable[[float], None]) -> list[Step]:
    """Log in, look at the fields, then create, read and delete one company.

    The company is deleted whatever the steps between say; the last step tells if it could not be.

    Args:
        connector: it must be allowed to write.
        tag: unique; part of the company's name and key.
        wait: seconds to wait for.

    Returns:
        The steps up to the first that failed, and the deletion.
    """
    smoke = _Smoke(connector, tag, wait)
    steps = list(_until_wrong(smoke))
    if smoke.remote_id is not None:
        steps.append(_step("delete", smoke.delete))
    return steps


def _until_wrong(smoke: _Smoke) -> Iterator[Step]:
    for name, action in (
        ("log in", smoke.log_in),
        ("fields", smoke.look_at_fields),
        ("create", smoke.create),
        ("read", smoke.read),
    ):
        step = _step(name, action)
        yield step
        if not step.ok:
            return


def _step(name: str, action: Callable[[], str]) -> Step:
    try:
        return Step(name, True, action())
    except (SmokeFailed, CrmError) as error:
        return Step(name, False, str(error))


class _Smoke:
    """The steps; each returns what to tell, or raises."""

    def __init__(self, connector: Connector, tag: str, wait: Callable[[float], None]) -> None:
        self._connector = connector
        self._wait = wait
        self._key = f"live-smoke-{tag}"
        self._name = f"{NAME} ({tag})"
        self.remote_id: str | None = None

    def log_in(self) -> str:
        health = self._connector.health()
        if not health.ok:
            raise SmokeFailed(health.message)
        return self._connector.describe().account

    def look_at_fields(self) -> str:
        fields = self._connector.ensure_fields(dry_run=True)
        missing = [one for one in fields if one.state is FieldState.MISSING]
        names = ", ".join(dict.fromkeys(one.name for one in missing))
        told = f"Not there: {names}. `sales-agent crm setup` says or does what is needed."
        if any((one.kind, one.name) == (Kind.COMPANY, EXTERNAL_KEY) for one in missing):
            raise SmokeFailed(told)
        return told if missing else f"{len(fields)} custom fields are there"

    def create(self) -> str:
        fields = {"company": self._name}
        operation = Operation("live-smoke", Kind.COMPANY, Action.CREATE, self._key, fields)
        [result] = self._connector.push([operation])
        if isinstance(result, Unknown):
            [found] = self._connector.reconcile([operation])
            if found.verdict is not Verdict.FOUND or found.record is None:
                raise SmokeFailed(f"{result.message} Look for {self._name!r} yourself.")
            self.remote_id = found.record.remote_id
            return f"{self.remote_id}, after its answer was lost"
        if not isinstance(result, Sent):
            raise SmokeFailed(result.message)
        self.remote_id = result.remote_id
        return result.url or result.remote_id

    def read(self) -> str:
        remote_id = str(self.remote_id)
        for attempt in range(READS):
            record = self._connector.read(Kind.COMPANY, [remote_id]).get(remote_id)
            if record is not None:
                if (record.fields.get("company"), record.external_key) != (self._name, self._key):
                    raise SmokeFailed("It does not come back as it was sent.")
                return f"as it was sent, modified at {record.modified_at.isoformat()}"
            if attempt < READS - 1:
                self._wait(WAIT_S)
        raise SmokeFailed("It cannot be read.")

    def delete(self) -> str:
        remote_id = str(self.remote_id)
        [result] = self._connector.erase(Kind.COMPANY, [remote_id])
        if not isinstance(result, Sent):
            raise SmokeFailed(f"{result.message} Delete {remote_id} yourself.")
        for attempt in range(READS):
            record = self._connector.read(Kind.COMPANY, [remote_id]).get(remote_id)
            if record is None or record.archived:
                return "gone"
            if attempt < READS - 1:
                self._wait(WAIT_S)
        raise SmokeFailed(f"It is still there. Delete {remote_id} yourself.")
