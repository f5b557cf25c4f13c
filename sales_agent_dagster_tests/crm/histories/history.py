"""One random history, told by its seed: what we want, what people do, what breaks; and how it ends."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch
from uuid import UUID

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Page
from sales_agent_dagster.crm.errors import CrmError
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.record import Value
from sales_agent_dagster.stages.crm import lease, outbox, pushing
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.delivering import Reader, take_delivery
from sales_agent_dagster.stages.crm.desired import desired_of
from sales_agent_dagster.stages.crm.lease import LeaseHeld
from sales_agent_dagster.stages.crm.pulling import store_page
from sales_agent_dagster.stages.crm.syncing import pending, sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA, crm_link, crm_outbox
from sales_agent_dagster_tests.crm.histories.ledger import Name
from sales_agent_dagster_tests.crm.histories.model import Model, Wishes
from sales_agent_dagster_tests.crm.histories.processes import WRITES, Crash, Machine, Process
from sales_agent_dagster_tests.crm.histories.worlds import World
from sales_agent_dagster_tests.stages.crm.wanting import RULES, company, context_of, rewant, want

MOST_FIRMS = 4
STEPS = 10
ROUNDS = 6
"""Syncs after which all has to be said, once nothing goes wrong any more."""

PERSON_S = 2.0
"""A person does nothing within the same second as anybody else: some CRMs' times have whole seconds."""

MakeWorld = Callable[[random.Random, Machine], World]


@dataclass
class Outcome:
    """What became of a history.

    Attributes:
        faults: what does not hold; empty when it ended well.
        events: how often what happened in it.
    """

    faults: list[str] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)


class History:
    """One history in an empty warehouse.

    Args:
        machine: of the warehouse.
    """

    def __init__(self, warehouse: Warehouse, machine: Machine, make: MakeWorld, seed: int) -> None:
        self.dice = random.Random(seed)
        self.warehouse = warehouse
        self.machine = machine
        self.world = make(self.dice, machine)
        self.wishes = Wishes()
        self.leads: dict[str, tuple[str, str]] = {}
        self.pages: list[Page] = []
        self.steps_seen, self.wrote_at = 40, 30
        self.number = 0
        self.outcome = Outcome()
        self.story: list[str] = []

    def run(self) -> None:
        """Live it, and judge it: ``outcome`` tells."""
        actions = [
            self.sync, self.sync, self.sync, self.crash, self.crash, self.crash, self.meddle, self.meddle,
            self.takeover, self.fault, self.fault, self.fault, self.rewish, self.rewish, self.more,
            self.person, self.person, self.deliver, self.replay, self.wait,
        ]  # fmt: skip
        with ExitStack() as stack:
            stack.enter_context(patch.object(lease, "this_process", self.machine.holder))
            stack.enter_context(patch.object(outbox, "uuid4", self._uuid))
            stack.enter_context(patch.object(pushing, "SETTLED", self.dice.choice((1, 2, 100))))
            self.more()
            for _ in range(STEPS):
                action = self.dice.choice(actions)
                self.tell(action.__name__)
                action()
                self.world.advance(self.dice.choice((1.0, 3.0, 20.0, 100.0)))
            self.end()

    def tell(self, what: str) -> None:
        self.outcome.events[what.partition(" ")[0]] += 1
        self.story.append(f"{self.world.now():%H:%M:%S} {what}")

    def _uuid(self) -> UUID:
        return UUID(int=self.dice.getrandbits(128), version=4)

    # We

    def more(self) -> None:
        """A batch wants new companies."""
        new = [f"E{len(self.leads) + n}" for n in range(self.dice.randint(1, 2))]
        new = new[: MOST_FIRMS - len(self.leads)]
        if not new:
            return
        batch_id = f"batch-{len(self.leads)}"
        wanted = [self._company(key) for key in new]
        ids = want(self.warehouse, batch_id, wanted, at=self.world.now())
        self.leads |= {key: (batch_id, lead) for key, lead in zip(new, ids, strict=True)}
        self._wished(wanted)

    def rewish(self) -> None:
        """We want something else of a company."""
        key = self.dice.choice(sorted(self.leads))
        batch_id, lead = self.leads[key]
        self.world.advance(PERSON_S)
        wanted = self._company(key)
        rewant(self.warehouse, batch_id, [lead], [wanted], at=self.world.now())
        self._wished([wanted])
        self.world.advance(PERSON_S)

    def _company(self, key: str) -> dict[str, Any]:
        dice, self.number = self.dice, self.number + 1
        before = self.wishes.of.get(key)
        people = len(before[-1].people) if before else dice.choice((0, 1, 1, 2))
        fields: dict[str, Value] = {
            "phone": f"+13305550{100 + int(key[1:])}",
            "website": f"https://acme-{key.lower()}.example/",
            "score": float(self.number),
            "tier": dice.choice(("GOLD", "SILVER")),
            "next_step": f"Step {self.number}",
        }
        if dice.random() < 0.7:
            fields["city"] = f"Town {self.number}"
        brands = {str(item) for item in (before[-1].company["brands"] or ())} if before else set()
        fields["brands"] = ", ".join(sorted(brands | {dice.choice("ABCDEF")}))
        contacts = [
            {
                "contact_name": f"Jo {key}-{number}",
                "email": f"jo{number}@acme-{key.lower()}.example",
                "contact_title": f"Title {self.number}",
            }
            for number in range(people)
        ]
        return company(key, contacts=contacts, **fields)

    def _wished(self, wanted: list[dict[str, Any]]) -> None:
        at = self.world.now().timestamp()
        with self.warehouse.reading() as connection:
            found = desired_of(connection, [one["entity_id"] for one in wanted])
        for key, desired in found.items():
            people = {contact.key: contact.fields for contact in desired.contacts}
            self.wishes.add(key, at, desired.company, people)

    # Processes

    def context(self) -> SyncContext:
        return context_of(self.warehouse, self.world.connector, self.world.now)

    def sync(self) -> None:
        self._sync(self.machine.new(elsewhere=self.dice.random() < 0.5))

    def crash(self) -> None:
        """The process dies at one of its steps; another one begins."""
        process = self.machine.new(elsewhere=self.dice.random() < 0.3)
        process.kill_at = self._some_step()
        self._sync(process)
        self._forget_connections()

    def meddle(self) -> None:
        """A person does something while a sync is running."""
        process = self.machine.new(elsewhere=False)
        process.between[self._some_step()] = self.person
        self._sync(process)

    def takeover(self) -> None:
        """A process hangs for so long that another one takes its lease over, and then goes on."""
        process = self.machine.new(elsewhere=True)
        process.between[self._some_step()] = self._take_over
        process.fits = lambda kind: kind not in ("commit", WRITES)
        self._sync(process)

    def _take_over(self) -> None:
        self.tell("taken over")
        self.world.advance(601)
        mine, self.world.connector = self.world.connector, self.world.connect()
        for _ in range(2):  # the first one does not decide yet what the hung one was about to send
            with self.machine.runs(self.machine.new(elsewhere=True)):
                self._try()
            self.world.advance(100)
        self.world.connector.close()
        self.world.connector = mine

    def _sync(self, process: Process) -> None:
        self.world.ledger.anew()
        try:
            with self.machine.runs(process):
                self._try()
        except Crash as crash:
            self.tell(f"died at {crash} of step {process.steps}")
            self._note_states()
            self.world.ledger.anew()  # what was told to a dead process nobody knows
        else:
            self.steps_seen, self.wrote_at = process.steps, process.wrote_at or self.wrote_at

    def _some_step(self) -> int:
        """Any step of a sync as the last one was; as often as not one of its push, and then there is one."""
        if self.dice.random() < 0.4:
            return self.dice.randrange(1, self.steps_seen + 8)
        self.rewish()
        return max(1, self.wrote_at + self.dice.randrange(-8, 12))

    def _try(self) -> None:
        self.outcome.events["syncs"] += 1
        try:
            sync(self.context())
        except (CrmError, LeaseHeld) as error:
            self.tell(f"{type(error).__name__} {error}")

    def _note_states(self) -> None:
        """In which states of the outbox processes died."""
        row = crm_outbox.c
        with self.warehouse.reading() as connection:
            states = set(connection.scalars(sa.select(row.state)))
        open_ = sorted(states & {"planned", "sending", "unknown"}) or ["settled"]
        self.outcome.events.update(f"died-while-{state}" for state in open_)

    def _forget_connections(self) -> None:
        self.world.connector.close()
        self.world.connector = self.world.connect()

    # People

    def person(self) -> None:
        """Somebody does something in the CRM."""
        self.world.advance(PERSON_S)
        running, self.machine.running = self.machine.running, None
        try:
            deeds = [
                self._edit, self._edit, self._edit, self._edit, self._edit_list, self._clear, self._add,
                self._merge, self._merge, self._delete, self._convert,
            ]  # fmt: skip
            merged = self.dice.choice(deeds)()
        finally:
            self.machine.running = running
        self.world.ledger.note(ours=False, merged=merged)
        self.world.advance(PERSON_S)

    def _some(self, kind: Kind | None = None) -> list[Name]:
        names = sorted(name for name in self.world.ledger.rows if kind in (None, name[0]))
        return [self.dice.choice(names)] if names else []

    def _edit(self) -> None:
        for name in self._some():
            self.number += 1
            fields = ("contact_name", "contact_title")
            if name[0] is Kind.COMPANY:
                fields = ("company", "city", "score", "tier", "next_step")
            chosen = self.dice.choice(fields)
            value = float(-self.number) if chosen == "score" else f"Edit {self.number}"
            self._edited(name, chosen, value)

    def _edited(self, name: Name, chosen: str, value: str | float | None) -> None:
        self.tell(f"edited {name[0].value} {name[1]} {chosen} {value}")
        self.world.edit(name, chosen, value)

    def _edit_list(self) -> None:
        for name in self._some(Kind.COMPANY):
            self.number += 1
            held = self.world.ledger.rows[name].values["brands"] or frozenset()
            brands = set(held)
            if brands and self.dice.random() < 0.5:
                brands.remove(self.dice.choice(sorted(brands)))
            if not brands or self.dice.random() < 0.5:
                brands.add(f"Make {self.number}")
            if brands != held:  # a CRM tells when a record was saved last, also where nothing was changed
                self._edited(name, "brands", ", ".join(sorted(brands)))

    def _clear(self) -> None:
        """What we filled in; a person who clears what a person wrote did not do anything in the end."""
        for name in self._some(Kind.COMPANY):
            chosen = self.dice.choice(("city", "next_step"))
            told = [one for one in self.world.ledger.of(name) if one.changes(chosen)]
            if told and told[-1].ours and told[-1].value_after(chosen) is not None:
                self._edited(name, chosen, None)

    def _add(self) -> None:
        self.number += 1
        self.world.add(f"Somebody {self.number}")

    def _delete(self) -> None:
        for name in self._some():
            self.tell(f"deleted {name[0].value} {name[1]}")
            self.world.delete(name)

    def _merge(self) -> Mapping[Name, str]:
        companies = sorted(name[1] for name in self.world.ledger.rows if name[0] is Kind.COMPANY)
        if len(companies) < 2:
            return {}
        source, target = self.dice.sample(companies, 2)
        if not self.world.alike(source, target):
            return {}
        self.tell(f"merged {source} into {target}")
        return self.world.merge(source, target)

    def _convert(self) -> Mapping[Name, str]:
        for _, remote_id in self._some(Kind.COMPANY):
            if became := self.world.convert(remote_id):
                self.tell(f"converted {remote_id}")
                return became
        return {}

    # What goes wrong, and what comes again

    def fault(self) -> None:
        self.world.fault()

    def wait(self) -> None:
        self.world.advance(self.dice.choice((30, 400, 4000)))

    def deliver(self) -> None:
        """A webhook brings events: some, in any order, some twice, late or again."""
        events = list(self.world.events())
        if not events:
            return
        some = self.dice.choices(events, k=min(len(events), self.dice.choice((1, 3, 10))))
        self.number += 1
        context = self.context()
        with self.machine.runs(self.machine.new(elsewhere=False)):
            reader = Reader(context)
            reader.add(take_delivery(context, f"signature {self.number}", some))
            with suppress(CrmError):
                reader.run()

    def replay(self) -> None:
        """A page that was pulled comes again, now or much later."""
        context = self.context()
        with self.machine.runs(self.machine.new(elsewhere=False)), suppress(CrmError):
            for stream in context.connector.capabilities.streams:
                for page in context.connector.pull(stream.name, None):
                    self.pages.append(page)
            store_page(context, self.dice.choice(self.pages))

    # The end

    def end(self) -> None:
        """Nothing goes wrong any more, and after a few syncs all is said."""
        self.world.heal()
        for _ in range(ROUNDS):
            self.world.advance(700)
            writes = self.world.connector.counters.writes
            self.sync()
            quiet = self.world.connector.counters.writes == writes
            left = pending(self.context())
            if quiet and not left and not self._states() & {"unknown"}:
                break
        else:
            self.outcome.faults.append(f"it does not end: {[one.reason for one in left][:3]}")
        self.outcome.faults += [
            f"an operation is {one}" for one in self._states() - {"sent", "failed", "dead"}
        ]
        model = Model(self.world.ledger, self.wishes, RULES.rules, self._linked())
        verdict = model.judge()
        self.outcome.faults += verdict.faults
        self.outcome.events["races"] += verdict.races

    def _states(self) -> set[str]:
        with self.warehouse.reading() as connection:
            return set(connection.scalars(sa.select(crm_outbox.c.state)))

    def _linked(self) -> dict[tuple[Kind, str], str]:
        row = crm_link.c
        query = sa.select(row.kind, row.external_key, row.remote_id).where(row.state == "linked")
        with self.warehouse.reading() as connection:
            return {(Kind(kind), key): remote_id for kind, key, remote_id in connection.execute(query)}


def emptied(warehouse: Warehouse) -> None:
    """Delete all rows."""
    with warehouse.transaction() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(sa.delete(table))
