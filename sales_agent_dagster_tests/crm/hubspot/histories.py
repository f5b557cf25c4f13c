"""Random histories of an account: syncs, people's work, lost answers, outages; and what must hold after."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.errors import CrmError
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.settings import HubSpotSettings
from sales_agent_dagster.stages.crm.syncing import pending, sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA, crm_link, crm_outbox
from sales_agent_dagster_tests.hubspot_server import TOKEN, Fault
from sales_agent_dagster_tests.hubspot_server.adapter import DirectAdapter
from sales_agent_dagster_tests.hubspot_server.app import Options, StandIn
from sales_agent_dagster_tests.hubspot_server.running import RunningServer
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, want

KEY = "sales_agent_external_key"
FIRMS = 3
FAULTS = ("drop", "drop_before", "502_after", "malformed", "html", "503", "429", "429_bare", "423", "stale")
PLACES = (
    "companies/batch/upsert",
    "contacts/batch/upsert",
    "batch/update",
    "associate",
    "batch/read",
    "search",
)
URL = "http://hubspot.test"


class Crash(BaseException):
    """The process ends here."""


class Story:
    """One history, told by its seed, in an account without sockets.

    Attributes:
        edits: by record the city that a person typed last: a person's city stays.
        deleted: keys of companies that people deleted.
    """

    def __init__(self, warehouse: Warehouse, seed: int) -> None:
        self.dice = random.Random(seed)
        partial, lag = self.dice.random() < 0.5, self.dice.choice((0.0, 20.0))
        self.app = StandIn(Options(virtual=True, partial=partial, index_lag_s=lag))
        self.server = RunningServer(self.app, URL)
        self.warehouse = warehouse
        with warehouse.transaction() as connection:
            for table in reversed(METADATA.sorted_tables):
                connection.execute(sa.delete(table))
        self.connector = self.connect()
        self.connector.ensure_fields(dry_run=False)
        self.score = 10.0
        self.edits: dict[str, str] = {}
        self.deleted: set[str] = set()
        self.leads = want(warehouse, "batch-1", self._wanted())

    def connect(self) -> HubSpot:
        clock = self.app.clock
        options = TransportOptions(
            dry_run=False,
            concurrency=1,
            longest_wait_s=10_000.0,
            now=clock.now,
            sleep=clock.advance,
            jitter=self.dice.random,
        )
        made = HubSpot(HubSpotSettings(token=TOKEN, base_url=URL), options, self.now)
        made._client.transport._session.mount(URL, DirectAdapter(self.app))
        return made

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.app.clock.now(), UTC)

    def run(self, steps: int = 14) -> None:
        actions = [
            self.sync, self.sync, self.sync, self.crash, self.fault, self.fault, self.rescore,
            self.edit, self.merge, self.delete, self.add, self.wait,
        ]  # fmt: skip
        for _ in range(steps):
            self.dice.choice(actions)()
            self.app.clock.advance(self.dice.random() * 5)
        self.app.faults.waiting.clear()
        for _ in range(4):
            self.app.clock.advance(700)
            self._sync()

    def close(self) -> None:
        self.connector.close()

    def _sync(self) -> dict[str, Any]:
        return sync(context_of(self.warehouse, self.connector, self.now))

    def sync(self) -> None:
        with suppress(CrmError):
            self._sync()

    def crash(self) -> None:
        """The process ends at one of its calls, before or after it was done; another one begins."""
        left, done = self.dice.randrange(1, 12), self.dice.random() < 0.5
        original = self.app.handle

        def handle(*given: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0 and not done:
                raise Crash
            found = original(*given)
            if left == 0:
                raise Crash
            return found

        self.app.handle = handle  # type: ignore[method-assign]
        try:
            self.sync()
        except Crash:
            self.connector.close()
            self.connector = self.connect()
        finally:
            self.app.handle = original  # type: ignore[method-assign]
        # A lease of a process that is gone runs out.
        self.app.clock.advance(3600)

    def fault(self) -> None:
        kind, where = self.dice.choice(FAULTS), self.dice.choice(PLACES)
        self.server.fail(Fault(kind, where, seconds=15.0), times=self.dice.choice((1, 1, 2, 6)))

    def wait(self) -> None:
        self.app.clock.advance(self.dice.choice((30, 400, 4000)))

    def rescore(self) -> None:
        self.score += 1
        rewant(self.warehouse, "batch-1", self.leads, self._wanted(), at=self.now())

    def edit(self) -> None:
        for record_id in self._one():
            self.edits[record_id] = f"City {self.dice.random()}"
            self.server.edit("companies", record_id, city=self.edits[record_id], sales_agent_score=1)

    def merge(self) -> None:
        ids = sorted(self.server.active("companies"))
        if len(ids) > 1:
            kept, lost = self.dice.sample(ids, 2)
            self.server.merge("companies", kept, lost)
            self.edits.pop(lost, None)

    def delete(self) -> None:
        for record_id in self._one():
            self.deleted.add(self.server.active("companies")[record_id].values.get(KEY, ""))
            self.server.delete("companies", record_id)
            self.edits.pop(record_id, None)

    def add(self) -> None:
        self.server.add("companies", name=f"Somebody {self.dice.random()}")

    def _one(self) -> list[str]:
        ids = sorted(self.server.active("companies"))
        return [self.dice.choice(ids)] if ids else []

    def _wanted(self) -> list[dict[str, Any]]:
        return [
            company(
                f"E{n}",
                score=self.score,
                city="Akron",
                contacts=[{"contact_name": f"Jo {n}", "email": f"jo{n}@acme{n}.example"}],
            )
            for n in range(FIRMS)
        ]

    def faults_found(self) -> list[str]:
        """What does not hold, one line each."""
        records = self.server.active("companies")
        found = [f"{key} is there {count} times" for key, count in self._doubled("companies").items()]
        found += [f"contact {key} is there {count} times" for key, count in self._doubled("contacts").items()]
        found += [
            f"the edit of {record_id} is lost"
            for record_id, city in self.edits.items()
            if records[record_id].values.get("city") != city
        ]
        with self.warehouse.reading() as connection:
            link = crm_link.c
            query = sa.select(link.external_key, link.remote_id).where(
                link.kind == "company", link.state == "linked"
            )
            linked = connection.execute(query).tuples().all()
            states = set(connection.scalars(sa.select(crm_outbox.c.state)))
        found += [
            f"{key} is linked to {remote_id}, which has not our score"
            for key, remote_id in linked
            if remote_id not in records
            or records[remote_id].values.get("sales_agent_score") != f"{self.score:g}"
        ]
        found += [f"an operation is {state}" for state in states - {"sent", "failed", "dead"}]
        left = pending(context_of(self.warehouse, self.connector, self.now))
        return found + [f"{planned.external_key} is still to be sent" for planned in left]

    def _doubled(self, kind: str) -> dict[str, int]:
        keys = Counter(
            record.values[KEY] for record in self.server.active(kind).values() if KEY in record.values
        )
        return {key: count for key, count in keys.items() if count > 1}
