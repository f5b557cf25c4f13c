"""Living histories by vendor and seed."""

from __future__ import annotations

from functools import partial
from typing import Any

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.histories.close_world import CloseWorld
from sales_agent_dagster_tests.crm.histories.history import STEPS, History, MakeWorld, Outcome, emptied
from sales_agent_dagster_tests.crm.histories.hubspot_world import HubSpotWorld
from sales_agent_dagster_tests.crm.histories.processes import Machine
from sales_agent_dagster_tests.crm.histories.salesforce_world import SalesforceWorld

WORLDS: dict[str, MakeWorld] = {
    "close": CloseWorld,
    "hubspot": HubSpotWorld,
    "salesforce": SalesforceWorld,
    "salesforce_leads": partial(SalesforceWorld, mode="lead"),
}


class Lives:
    """Histories one after the other in one warehouse, which is emptied before each."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.machine = Machine(warehouse)

    def __call__(self, vendor: str, seed: int, steps: int = STEPS) -> Outcome:
        return self.history(vendor, seed, steps)[1]

    def history(self, vendor: str, seed: int, steps: int = STEPS) -> tuple[History, Outcome]:
        """A history that was lived, with its outcome."""
        emptied(self.warehouse)
        history = History(self.warehouse, self.machine, WORLDS[vendor], seed)
        outcome: Any = history.run(steps)
        history.world.connector.close()
        return history, outcome
