"""Random histories: whatever people and the network do, no duplicate, no lost change, and an end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from sales_agent_dagster.crm.errors import CrmError
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.salesforce.organisation import KEY
from sales_agent_dagster_tests.crm.salesforce.test_sync import Syncing
from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.stages.crm.wanting import company, rewant, want

SEEDS = range(2)
STEPS = 14
FAULTS = ("drop", "reset", "500", "502", "503", "busy", "expired", "truncated", "locked")


class History:
    """One random history of a few companies."""

    def __init__(self, syncing: Syncing, seed: int) -> None:
        self.syncing = syncing
        self.server = syncing.server
        self.dice = random.Random(seed)
        self.scores = {f"E{seed}-{number}": 10.0 for number in range(3)}
        self.deleted: set[str] = set()
        self.edits: dict[str, str] = {}
        self.leads = want(syncing.warehouse, f"b{seed}", self._companies())
        self.batch = f"b{seed}"

    def run(self) -> None:
        steps: list[Callable[[], None]] = [
            self.sync, self.sync, self.sync, self.fault, self.fault, self.rescore, self.edit, self.merge,
            self.delete, self.convert,
        ]  # fmt: skip
        for _ in range(STEPS):
            self.dice.choice(steps)()
        self.server.app.plan.faults.clear()
        for _ in range(3):
            self.syncing()

    def sync(self) -> None:
        with suppress(CrmError):
            self.syncing()

    def fault(self) -> None:
        kind, times = self.dice.choice(FAULTS), self.dice.choice((1, 1, 2, 6))
        self.server.fault(kind, method=self.dice.choice(("PATCH", "GET|PATCH")), path="data", times=times)

    def rescore(self) -> None:
        key = self.dice.choice(sorted(self.scores))
        self.scores[key] += 1
        self.server.clock.advance(1)
        rewant(self.syncing.warehouse, self.batch, self.leads, self._companies(), at=self.server.clock.now())

    def edit(self) -> None:
        """Somebody fills a field that we do not, and one that is ours."""
        for row in self._some():
            self.server.clock.advance(2)
            self.edits[row["Id"]] = text = f"edit {self.dice.random()}"
            self.server.edit(row["Id"], Description=text, Sales_Agent_Score__c=1)

    def merge(self) -> None:
        row, *_ = self._some() or [None]
        if row is None:
            return
        self.server.clock.advance(2)
        if row["Id"].startswith("00Q"):
            other = self.server.create("Lead", LastName="Z", Company="Zenith")
        else:
            other = self.server.create("Account", Name="Zenith")
        self.server.merge(other, row["Id"])
        self.edits.pop(row["Id"], None)

    def delete(self) -> None:
        for row in self._some():
            self.server.clock.advance(2)
            self.server.delete(row["Id"])
            self.deleted.add(row[KEY])
            self.edits.pop(row["Id"], None)

    def convert(self) -> None:
        for row in self._some():
            if row["Id"].startswith("00Q"):
                self.server.clock.advance(2)
                self.server.convert(row["Id"])
                self.edits.pop(row["Id"], None)

    def _some(self) -> list[dict[str, Any]]:
        rows = [row for row in self.rows() if row[KEY] in self.scores and not row.get("IsConverted")]
        return [self.dice.choice(rows)] if rows else []

    def rows(self) -> list[dict[str, Any]]:
        return [*self.server.records("Lead"), *self.server.records("Account")]

    def _companies(self) -> list[dict[str, Any]]:
        return [
            company(key, score=score, contacts=[{"contact_name": f"Jo {key}", "email": f"{key}@x.example"}])
            for key, score in self.scores.items()
        ]


@pytest.mark.parametrize("mode", ["leads", "accounts"])
@pytest.mark.parametrize("seed", SEEDS)
def test_histories_converge(
    sqlite_warehouse: Warehouse,
    organisation: RunningServer,
    mode: str,
    seed: int,
    request: pytest.FixtureRequest,
) -> None:
    connector: SalesforceConnector = request.getfixturevalue(mode)
    history = History(Syncing(sqlite_warehouse, organisation, connector), seed)
    history.run()
    check(history)


def check(history: History) -> None:
    server, links = history.server, history.syncing.links()
    assert history.syncing.left() == []
    keys = Counter(row[KEY] for row in history.rows() if row[KEY] and not row.get("IsConverted"))
    assert not [key for key, count in keys.items() if count > 1]
    for key, score in history.scores.items():
        remote_id, state = links[key]
        if state == "gone":
            assert key in history.deleted
            continue
        assert state == "linked"
        row = server.record(remote_id)
        assert not row["IsDeleted"]
        assert row["Sales_Agent_Score__c"] == score
        named = row.get("Company") or row.get("Name")
        assert named in (f"Acme {key}", "Zenith")
    for remote_id, text in history.edits.items():
        assert server.record(remote_id)["Description"] == text
    emails = Counter(
        row["Email"]
        for row in server.records("Contact") + server.records("Lead")
        if row["Email"] and not row.get("IsConverted")
    )
    assert not [email for email, count in emails.items() if count > 1], str(emails)
