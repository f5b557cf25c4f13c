"""Killed with -9 at any step, and run again: every company once, and nothing left to do."""

import signal
from collections import Counter
from pathlib import Path

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.crm.contract_suite.conftest import Syncs
from sales_agent_dagster_tests.crm.contract_suite.killing import run_sync
from sales_agent_dagster_tests.crm.contract_suite.stands import Stand
from sales_agent_dagster_tests.stages.crm.wanting import company, want
from sales_agent_dagster_tests.stages.test_kill import PROCESSES, _fork_server  # noqa: F401

FIRMS = 4
PARTS = 5
"""Kills are so many even parts of a whole sync apart; each new one resumes what the last one left."""


def test_any_step(syncs: Syncs, stand: Stand, settings: Settings, tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    url = settings.warehouse_url.get_secret_value()

    def run(kill_at: int | None) -> int | None:
        arguments = (stand.connector.name, stand.server.url, url, stand.now(), kill_at, steps)
        process = PROCESSES.Process(target=run_sync, args=arguments)
        process.start()
        process.join(60)
        return process.exitcode

    def firms(score: float) -> list[dict[str, object]]:
        return [
            company(f"E{n}", score=score, contacts=[{"contact_name": "Jo", "email": f"jo{n}@acme.example"}])
            for n in range(FIRMS)
        ]

    want(syncs.warehouse, "batch-0", firms(0.0))
    assert run(None) == 0
    whole = int(steps.read_text(encoding="utf-8"))
    assert len(stand.companies()) == FIRMS
    for number in range(1, PARTS):
        # More firms, and another score of those that are there: creates and updates are both cut.
        more = [company(f"N{number}-{n}", contacts=[{"contact_name": "Al"}]) for n in range(FIRMS)]
        want(syncs.warehouse, f"batch-{number}", [*firms(float(number)), *more], at=stand.now())
        stand.advance(120)
        assert run(whole * number // PARTS) == -signal.SIGKILL
    for _ in range(2):
        stand.advance(200)
        assert run(None) == 0
    keys = Counter(record.external_key for record in stand.companies())
    expected = [f"E{n}" for n in range(FIRMS)]
    expected += [f"N{number}-{n}" for number in range(1, PARTS) for n in range(FIRMS)]
    assert keys == Counter(expected)
    assert len(stand.pulled(Kind.CONTACT)) == len(expected)
    by_key = {record.external_key: record.fields.get("score") for record in stand.companies()}
    assert {by_key[f"E{n}"] for n in range(FIRMS)} == {float(PARTS - 1)}
    assert syncs.left() == []
