"""Killed with -9 at every step of the outbox, and of a pull, and run again: everything once, and no more."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.crm.contract_suite.conftest import Syncs
from sales_agent_dagster_tests.crm.contract_suite.killing import Place, run_pull, run_sync
from sales_agent_dagster_tests.crm.contract_suite.stands import Stand
from sales_agent_dagster_tests.crm.contract_suite.test_pulls import stored, stream_of, there, watermark
from sales_agent_dagster_tests.stages.crm.wanting import campaign, company, want
from sales_agent_dagster_tests.stages.test_kill import PROCESSES, _fork_server  # noqa: F401

SENDING = (
    "pushing.enqueue company committed",  # planned
    "pushing.mark_sending company committed",  # sending
    "answer company",  # done in the CRM, still sending here
)
RECOVERING = (
    "syncing.give_up_leftovers committed",  # unknown
    "reconciling.settle_sent company written",
    "reconciling.settle_sent company committed",
)
"""What a sync does first that comes after one that was killed when the CRM had answered."""

SETTLING = (
    "pushing.settle_sent company written",
    "pushing.settle_sent company committed",  # sent
    "pushing.mark_sending contact committed",
    "answer contact",
    "pushing.settle_sent contact committed",
    "pushing.mark_sending note committed",
    "answer note",
    "pushing.mark_sending email_draft committed",
    "answer email_draft",
)
VENDORS = ["close", "hubspot", "salesforce"]

Run = Callable[..., "int | None"]


@pytest.fixture
def run(stand: Stand, settings: Settings) -> Run:
    """Runs in a process of its own, which is waited for: ``run(run_sync, kill_at)``; its exit code."""

    def run(target: Any, *arguments: Any) -> int | None:
        url = settings.warehouse_url.get_secret_value()
        mode = getattr(stand, "mode", "lead")
        place = Place(stand.connector.name, mode, stand.server.url, url, stand.now())
        process = PROCESSES.Process(target=target, args=(place, *arguments))
        process.start()
        process.join(60)
        return process.exitcode

    return run


@pytest.mark.parametrize("stand", VENDORS, indirect=True)
def test_every_step_of_the_outbox(syncs: Syncs, stand: Stand, run: Run) -> None:
    def more(number: int) -> None:
        """Another firm, and other scores of the first ones: creates and updates are both cut."""
        stand.advance(120)
        person = {"contact_name": "Jo", "email": f"jo{number}@acme.example"}
        firms = [company(f"N{number}", score=1.0, contacts=[person])]
        firms += [company(f"N{n}", score=float(number)) for n in range(min(number, 2))]
        ids = want(syncs.warehouse, f"batch-{number}", firms, at=stand.now())
        campaign(syncs.warehouse, f"batch-{number}", ids[:1])

    more(0)
    assert run(run_sync, None) == 0
    steps = (*SENDING, *RECOVERING, *SETTLING)
    for number, step in enumerate(steps, 1):
        more(number)
        assert run(run_sync, step) == -signal.SIGKILL, step
    for _ in range(3):
        stand.advance(200)
        assert run(run_sync, None) == 0
    keys = Counter(record.external_key for record in stand.companies())
    assert keys == Counter(f"N{n}" for n in range(len(steps) + 1))
    assert len(stand.pulled(Kind.CONTACT)) == stand.drafts() == len(steps) + 1
    scores = {record.external_key: record.fields["score"] for record in stand.companies()}
    assert {scores["N0"], scores["N1"]} == {float(len(steps))}
    assert syncs.left() == []


def test_a_pull_loses_nothing(syncs: Syncs, stand: Stand, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    stand.fill(32, seconds=40)
    stand.advance(600)
    whole = there(stand)
    stand.read_in_bits(monkeypatch)
    name = stream_of(stand)
    for kill_at in (2, 5, 9, 14):
        assert run(run_pull, [name], kill_at) == -signal.SIGKILL
        mark, known = watermark(syncs.context(), name), stored(syncs)
        passed = {key for key, changed in whole.items() if mark is not None and changed <= mark}
        assert passed <= known.keys()
        assert known.items() <= whole.items()
    assert mark is not None
    assert len(known) < len(whole), "it was killed in the middle"
    assert run(run_pull, [name], None) == 0
    assert stored(syncs) == whole
