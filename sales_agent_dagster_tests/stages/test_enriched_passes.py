"""A later pass adds to a row; it never takes away what an earlier one had."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sales_agent_dagster.agents.enrichment.state import Reading
from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found
from sales_agent_dagster.inference.engine import Answer, NoAnswer, OutputT, Task, answer_by_rules
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import enrichment_queue
from sales_agent_dagster_tests.agents.engines import RecordingEngine
from sales_agent_dagster_tests.conftest import NOW, MakeContext
from sales_agent_dagster_tests.enrichment.scripted import Scripted, found
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.test_enriched_network import (
    lead,
    networked,  # noqa: F401 - a fixture
    rows,
    run,
    service,
)

PARTIAL = replace(found("1990"), texts={"website home": "We mend pumps since 1987."}, complete=False)
AWAY = Failed(FailureKind.TRANSIENT, "away")


class Passes:
    """A lead's passes, each a day after the one before, with a service of its own."""

    def __init__(self, warehouse: Warehouse, settings: Settings, context: StageContext) -> None:
        self.warehouse, self.settings, self.context = warehouse, settings, context
        self.website = Scripted()
        self.moment = NOW

    def go(self, answer: Any, **context: Any) -> dict[str, Any]:
        self.website.answers["a.example"] = answer
        moment = self.moment
        with ExitStack() as stack:
            facts = stack.enter_context(service(self.settings, self.warehouse, self.website))
            assert len(run(replace(self.context, facts=facts, now=lambda: moment, **context))) == 1
        self.moment += timedelta(days=1)
        (row,) = rows(self.warehouse)
        return row


@pytest.fixture
def passes(warehouse: Warehouse, context: MakeContext, networked: Settings) -> Passes:  # noqa: F811
    seed_batch(warehouse, leads=[lead("a.example", "SILVER", notes="Ask for Jo.")])
    return Passes(warehouse, networked, context(warehouse, settings=networked))


def test_facts_of_a_partial_answer_outlive_passes_that_fail(passes: Passes) -> None:
    first = passes.go(PARTIAL)
    second = passes.go(AWAY)
    assert second["facts"] == first["facts"]
    assert (second["founded"], second["providers"]) == ("1990", "offline, website")
    assert second["reason"] == "website: not all of it in time: away (asked again later)"
    (queued,) = rows(passes.warehouse, enrichment_queue)
    assert (queued["attempts"], queued["reason"]) == (2, "not all of it in time: away")
    down = Found(PARTIAL.facts[:0], lasting=False, passing=True)
    third = passes.go(down)
    assert (third["facts"], third["pending_providers"], third["reason"]) == (first["facts"], None, None)


class Broken(RecordingEngine):
    """Has no answer for anybody."""

    async def answer_all(
        self, tasks: Sequence[Task[OutputT]], scope: CallScope, *, stored: bool = True
    ) -> list[Answer[OutputT] | NoAnswer]:
        return [NoAnswer("engine: no answer", 1.0)] * len(tasks)


def test_a_pass_that_fails_leaves_the_row_and_is_tried_again_as_often_as_any(passes: Passes) -> None:
    first = passes.go(PARTIAL)
    broken = Broken()
    for attempt in range(2, passes.settings.enrichment.pending_attempts + 1):
        row = passes.go(found("1991"), engine=broken)
        assert row["status"] == "ok"
        assert row["reason"] == "website: engine: no answer (asked again later)"
        (queued,) = rows(passes.warehouse, enrichment_queue)
        assert queued["attempts"] == attempt
        changed = {name for name in row if row[name] != first[name]}
        assert changed <= {"reason", "created_at", "input_hash"}
    last = passes.go(found("1991"), engine=broken)
    assert (last["status"], last["pending_providers"]) == ("ok", None)
    assert last["reason"] == "website: engine: no answer"
    assert rows(passes.warehouse, enrichment_queue) == []


class Away(RecordingEngine):
    """The model is away: rules answer in its place."""

    async def answer_all(
        self, tasks: Sequence[Task[OutputT]], scope: CallScope, *, stored: bool = True
    ) -> list[Answer[OutputT] | NoAnswer]:
        return [answer_by_rules(task, "the model is away") for task in tasks]


def test_what_a_model_read_stays_while_the_model_is_away(passes: Passes) -> None:
    said = {"topic": "founded", "value": "1987", "source": "website home", "quote": "since 1987"}
    noted = {"topic": "customers", "value": "homes", "source": "notes", "quote": "Ask for Jo"}
    reading = Reading.model_validate({"facts": [said, noted]})
    first = passes.go(replace(PARTIAL, facts=()), engine=RecordingEngine(lambda value: reading))
    assert (first["read_count"], first["founded"]) == (2, "1987")
    second = passes.go(AWAY, engine=Away())
    assert (second["status"], second["read_count"], second["founded"]) == ("degraded", 2, "1987")
    third = passes.go(Found((), {"website home": "We are new."}), engine=Away())
    assert (third["read_count"], third["founded"]) == (1, None)  # its page says so no more
