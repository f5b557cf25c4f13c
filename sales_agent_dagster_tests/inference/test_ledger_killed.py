"""A writer killed with -9 at a random moment: every call that was reported as recorded is in the ledger."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap

import sqlalchemy as sa

from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls

KILLS = 3
IN_FLIGHT = 8
WRITER = f"""
    import asyncio, itertools, sys
    from sales_agent_dagster.inference.ledger import Ledger
    from sales_agent_dagster.warehouse.calls import WarehouseCalls
    from sales_agent_dagster.warehouse.database import Warehouse
    from sales_agent_dagster_tests.calls import call

    url, name = sys.argv[1:]
    ledger = Ledger(WarehouseCalls(Warehouse(url)))
    numbers = itertools.count()

    async def buy():
        for number in numbers:
            key = f"{{name}}-{{number}}"
            await ledger.record(call(key, lead_id=key))
            sys.stdout.write(key + "\\n")
            sys.stdout.flush()

    async def main():
        await asyncio.gather(*(buy() for _ in range({IN_FLIGHT})))

    asyncio.run(main())
"""


def killed_writer(url: str, name: str, after: int) -> list[str]:
    """Start a writer, kill it after it reported so many calls; everything that it reported."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), url, name],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as writer:
        assert writer.stdout is not None
        reported = [writer.stdout.readline() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        reported += writer.stdout.readlines()
        assert writer.wait(60) == -signal.SIGKILL
    return [line.strip() for line in reported if line.endswith("\n")]


def test_what_was_reported_as_recorded_is_there(warehouse: Warehouse) -> None:
    dice = random.Random(20260302)
    url = warehouse.url.render_as_string(hide_password=False)
    for kill in range(KILLS):
        reported = killed_writer(url, f"writer-{kill}", dice.randrange(1, 120))
        stored = WarehouseCalls(warehouse).find(reported)
        assert sorted(stored) == sorted(reported)
        with warehouse.reading() as connection:
            written = sa.select(sa.func.count()).where(agent_calls.c.call_key.startswith(f"writer-{kill}-"))
            surplus = connection.scalar(written) - len(reported)
        assert 0 <= surplus <= IN_FLIGHT
