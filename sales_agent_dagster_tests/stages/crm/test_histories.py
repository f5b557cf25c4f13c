"""Whatever people, the network and kills do to a sync: no record twice, no edit lost, nothing left to do."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Deferred, FailureClass, Operation
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm import pushing
from sales_agent_dagster.stages.crm.syncing import pending
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want

HISTORIES = 6
STEPS = 9
CRASHES = ("enqueue", "mark_sending", "settle_sent", "settle_sent", "settle_sent", "settle_failed")
"""Functions of a push that the process may die before or after."""


class Crash(BaseException):
    """The process is gone."""


class History:
    """One random history of a few companies."""

    def __init__(self, warehouse: Warehouse, seed: int) -> None:
        self.random = random.Random(seed)
        self.warehouse = warehouse
        self.crm = FakeCrm(
            upsert=seed % 2 == 1,
            tells_modified=self.random.random() < 0.7,
            batch=self.random.choice([1, 2, 5]),
            lag=0 if seed == 4 else 45,
        )
        self.keys: list[str] = []
        self.leads: dict[str, tuple[str, str]] = {}
        self.scores: dict[str, float] = {}
        self.people: dict[tuple[str, str], Any] = {}
        self.batches = 0

    def step(self, monkeypatch: pytest.MonkeyPatch) -> None:
        steps = [
            self.more,
            self.rescore,
            self.person_edits,
            self.person_merges,
            self.person_deletes,
            self.replay,
        ]
        self.random.choice(steps)()
        self.crm.tick(self.random.choice([1, 5, 5, 120]))
        self.crm.fault = self.fault
        with monkeypatch.context() as patched:
            if self.random.random() < 0.5:
                self.crash_once(patched)
            try:
                run_sync(self.warehouse, self.crm)
            except Crash:
                self.forget_lease()

    def more(self) -> None:
        self.batches += 1
        batch_id = f"batch-{self.batches}"
        new = [f"E{len(self.keys) + n}" for n in range(self.random.randint(1, 3))]
        ids = want(self.warehouse, batch_id, [self.wanted(key) for key in new], at=self.crm.now)
        self.keys += new
        self.leads |= {key: (batch_id, lead) for key, lead in zip(new, ids, strict=True)}

    def rescore(self) -> None:
        for key in self.random.sample(self.keys, min(2, len(self.keys))):
            self.scores[key] = self.random.randint(1, 99)
            batch_id, lead = self.leads[key]
            rewant(self.warehouse, batch_id, [lead], [self.wanted(key)], at=self.crm.now)

    def wanted(self, key: str) -> dict[str, Any]:
        contacts = [{"contact_name": f"Jo {key}", "email": f"jo@{key.lower()}.example"}]
        return company(key, score=self.scores.setdefault(key, 1.0), next_step="Call.", contacts=contacts)

    def person_edits(self) -> None:
        for record in self.some():
            value = f"Acme {self.random.randint(1, 999)}"
            self.crm.edit(Kind.COMPANY, record.remote_id, company=value, status=value)
            self.people[record.remote_id, "company"] = value

    def person_merges(self) -> None:
        records = self.some(2)
        if len(records) == 2:
            self.crm.merge(records[0].remote_id, records[1].remote_id)

    def person_deletes(self) -> None:
        if self.random.random() < 0.7:
            for record in self.some():
                self.crm.delete(Kind.COMPANY, record.remote_id)

    def replay(self) -> None:
        events = [*self.crm.events, *self.random.choices(self.crm.events, k=5)] if self.crm.events else []
        self.random.shuffle(events)
        self.crm.events = events

    def some(self, number: int = 1) -> list[Any]:
        living = self.crm.living()
        return self.random.sample(living, min(number, len(living)))

    def fault(self, operation: Operation) -> Any:
        unavailable = Deferred("", FailureClass.TRANSIENT, "not available")
        return self.random.choices([None, "lost", "never", unavailable], [6, 2, 1, 1])[0]

    def crash_once(self, patched: pytest.MonkeyPatch) -> None:
        name, after = self.random.choice(CRASHES), self.random.random() < 0.5
        original = getattr(pushing, name)

        def dies(*arguments: Any, **options: Any) -> Any:
            result = original(*arguments, **options) if after else None
            raise Crash(name, result)

        patched.setattr(pushing, name, dies)

    def forget_lease(self) -> None:
        with self.warehouse.transaction() as connection:
            connection.execute(sa.delete(METADATA.tables["crm_leases"]))

    def calm_down(self) -> None:
        self.crm.fault = lambda operation: None
        for _ in range(3):
            self.crm.tick(120)
            run_sync(self.warehouse, self.crm)


@pytest.mark.parametrize("seed", range(HISTORIES))
def test_histories_converge(sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    history = History(sqlite_warehouse, seed)
    history.more()
    for _ in range(STEPS):
        history.step(monkeypatch)
    history.calm_down()
    crm = history.crm
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []
    made = Counter(record.external_key for (kind, _), record in crm.records.items() if kind is Kind.COMPANY)
    assert made == Counter(history.keys), "each company was created once, and none was created again"
    contacts = Counter(record.external_key for record in crm.living(Kind.CONTACT))
    assert not contacts or max(contacts.values()) == 1
    for record in crm.living():
        if (edited := history.people.get((record.remote_id, "company"))) is not None:
            assert record.fields["company"] == edited
        assert record.fields["score"] == history.scores[str(record.external_key)]
