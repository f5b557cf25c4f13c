"""The whole sync with Close: whatever people and the network do, no record is doubled and no edit lost."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.syncing import pending, sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA, crm_link, crm_outbox
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.crm.close.conftest import MakeConnector
from sales_agent_dagster_tests.crm.close.world import CloseWorld
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, want

FIRMS = 6


@pytest.fixture
def world(close: RunningClose, connector_to: MakeConnector) -> CloseWorld:
    return CloseWorld(close, lambda: connector_to(longest_wait_s=10_000.0))


def synced(warehouse: Warehouse, world: CloseWorld, **options: Any) -> dict[str, Any]:
    return sync(context_of(warehouse, world.connector, lambda: world.now, **options))


def left(warehouse: Warehouse, world: CloseWorld) -> list[Any]:
    return pending(context_of(warehouse, world.connector, lambda: world.now))


def firms(score: float, **more: Any) -> list[dict[str, Any]]:
    return [
        company(f"E{n}", score=score, phone=f"+1330555010{n}", contacts=[person(n)], **more)
        for n in range(FIRMS)
    ]


def person(number: int) -> dict[str, Any]:
    return {"contact_name": f"Jo {number}", "email": f"jo{number}@acme{number}.com"}


def test_first_and_second_sync(sqlite_warehouse: Warehouse, world: CloseWorld) -> None:
    want(sqlite_warehouse, "batch-1", firms(50.0, city="Akron", state="OH"))
    card = synced(sqlite_warehouse, world)
    assert (card["created"], card["rejected"], card["still_unknown"]) == (2 * FIRMS, 0, 0)
    before = len(world.writes())
    cards = []
    for seconds in (0, 3_600):
        world.tick(seconds)
        cards.append(synced(sqlite_warehouse, world))
    assert [(card["planned_creates"], card["planned_updates"]) for card in cards] == [(0, 0)] * 2
    assert [card["human_changes"] for card in cards] == [0, 0], "Close gives a new lead its status itself"
    assert len(world.writes()) == before
    assert left(sqlite_warehouse, world) == []


def test_a_dry_run_writes_nothing(
    sqlite_warehouse: Warehouse, world: CloseWorld, connector_to: MakeConnector
) -> None:
    want(sqlite_warehouse, "batch-1", firms(50.0))
    dry = connector_to(dry_run=True)
    card = sync(context_of(sqlite_warehouse, dry, lambda: world.now, live=False))
    assert card["planned_creates"] == 2 * FIRMS
    assert world.writes() == []


def test_a_rep_edits_what_is_theirs_and_what_is_ours(sqlite_warehouse: Warehouse, world: CloseWorld) -> None:
    leads = want(sqlite_warehouse, "batch-1", firms(50.0, city="Akron"))
    synced(sqlite_warehouse, world)
    synced(sqlite_warehouse, world)
    record = next(each for each in world.living() if each.external_key == "E0")
    world.tick(3_600)
    world.edit(
        Kind.COMPANY, record.remote_id, company="Acme Power", score=1.0, city="Kent", status="Qualified"
    )
    world.tick(60)
    rewant(sqlite_warehouse, "batch-1", leads, firms(70.0, city="Stow"), at=world.now)
    card = synced(sqlite_warehouse, world)
    assert card["human_changes"] == 4
    record = world.connector.read(Kind.COMPANY, [record.remote_id])[record.remote_id]
    assert {name: record.fields[name] for name in ("company", "score", "city", "status")} == {
        "company": "Acme Power",
        "score": 70.0,
        "city": "Kent",
        "status": "Qualified",
    }
    assert left(sqlite_warehouse, world) == []


def test_an_opt_out_in_close_stops_contact_and_draft(sqlite_warehouse: Warehouse, world: CloseWorld) -> None:
    world.unsubscribe("JO0@acme0.com")
    want(sqlite_warehouse, "batch-1", firms(50.0))
    synced(sqlite_warehouse, world)
    emails = {record.fields.get("email") for record in world.living(Kind.CONTACT)}
    assert emails == {f"jo{n}@acme{n}.com" for n in range(1, FIRMS)}


History = list[tuple[str, int]]
ACTIONS = (
    "sync", "edit", "mine", "merge", "delete", "lose", "never", "unavailable", "wait", "add", "restart",
)  # fmt: skip


class Story:
    """One history: what happens, and what has to hold in the end.

    Attributes:
        edits: per lead the city that a person typed last; the rule for a city is that a person's stays.
    """

    def __init__(self, warehouse: Warehouse, world: CloseWorld) -> None:
        self.warehouse = warehouse
        self.world = world
        self.score = 10.0
        self.edits: dict[str, str] = {}
        self.leads = want(warehouse, "batch-1", firms(self.score))

    def step(self, action: str, number: int) -> None:
        getattr(self, action)(number)

    def sync(self, _number: int) -> None:
        self.world.tick(10)
        synced(self.warehouse, self.world)

    def restart(self, _number: int) -> None:
        self.world.connector = self.world.connect()

    def wait(self, number: int) -> None:
        self.world.tick(number * 20.0)

    def mine(self, number: int) -> None:
        self.score += 1 + number
        rewant(self.warehouse, "batch-1", self.leads, firms(self.score, city="Akron"), at=self.world.tick(1))

    def edit(self, number: int) -> None:
        if leads := self._linked():
            key = leads[number % len(leads)]
            self.edits[key] = f"City {number}"
            self.world.edit(Kind.COMPANY, key, city=self.edits[key])

    def merge(self, number: int) -> None:
        leads = self._linked()
        if len(leads) > 1:
            source, target = leads[number % len(leads)], leads[(number + 1) % len(leads)]
            self.world.merge(source, target)
            self.edits.pop(source, None)

    def delete(self, number: int) -> None:
        if leads := self._linked():
            self.world.delete(Kind.COMPANY, leads[number % len(leads)])

    def add(self, number: int) -> None:
        self.world.add(company=f"Somebody {number}")

    def lose(self, number: int) -> None:
        self.world.lose(Kind.CONTACT if number % 2 else Kind.COMPANY, times=1 + number % 3)

    def never(self, number: int) -> None:
        self.world.lose(Kind.CONTACT if number % 2 else Kind.COMPANY, done=False, times=1 + number % 3)

    def unavailable(self, number: int) -> None:
        self.world.close.fault("503", method="PUT", times=1 + number)

    def _linked(self) -> list[str]:
        return sorted(each["id"] for each in self.world.close.objects("lead"))

    def end(self) -> None:
        """Faults stop, the index catches up, and a few syncs later all is said."""
        self.world.heal()
        for _ in range(4):
            self.world.tick(700)
            synced(self.warehouse, self.world)

    def check(self) -> None:
        keys = Counter(record.external_key for record in self.world.living() if record.external_key)
        assert set(keys.values()) <= {1}, f"doubled: {keys}"
        contacts = Counter(r.external_key for r in self.world.living(Kind.CONTACT) if r.external_key)
        assert set(contacts.values()) <= {1}, f"doubled: {contacts}"
        records = {record.remote_id: record for record in self.world.living()}
        for key, city in self.edits.items():
            assert key not in records or records[key].fields.get("city") == city, "an edit is lost"
        with self.warehouse.reading() as connection:
            links = connection.execute(
                sa.select(crm_link.c.remote_id).where(
                    crm_link.c.kind == "company", crm_link.c.state == "linked"
                )
            ).scalars()
            for remote_id in links:
                assert records[remote_id].fields["score"] == self.score, "our newest score has not arrived"
            states = set(connection.scalars(sa.select(crm_outbox.c.state)).all())
        assert states <= {"sent", "failed", "dead"}
        assert left(self.warehouse, self.world) == []


def emptied(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(sa.delete(table))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 11)), max_size=14))
def test_histories_converge_without_doubling_or_losing(
    sqlite_warehouse: Warehouse,
    close: RunningClose,
    connector_to: MakeConnector,
    history: History,
) -> None:
    close.reset(index_lag_s=60)
    emptied(sqlite_warehouse)
    story = Story(sqlite_warehouse, CloseWorld(close, lambda: connector_to(longest_wait_s=10_000.0)))
    for action, number in history:
        story.step(action, number)
    story.end()
    story.check()
