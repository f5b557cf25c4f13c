"""Living histories by vendor and seed."""

from __future__ import annotations

import random
import traceback
from functools import partial

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.histories.close_world import CloseWorld
from sales_agent_dagster_tests.crm.histories.history import History, MakeWorld, Outcome, emptied
from sales_agent_dagster_tests.crm.histories.hubspot_world import HubSpotWorld
from sales_agent_dagster_tests.crm.histories.processes import Machine
from sales_agent_dagster_tests.crm.histories.salesforce_world import SalesforceWorld
from sales_agent_dagster_tests.crm.histories.worlds import World


def _either(dice: random.Random, machine: Machine) -> World:
    return SalesforceWorld(dice, machine, dice.choice(("account_contact", "lead")))


WORLDS: dict[str, MakeWorld] = {
    "close": CloseWorld,
    "hubspot": HubSpotWorld,
    "salesforce": _either,
    "salesforce_accounts": partial(SalesforceWorld, mode="account_contact"),
    "salesforce_leads": partial(SalesforceWorld, mode="lead"),
}


class Lives:
    """Histories one after the other in one warehouse, which is emptied before each."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.machine = Machine(warehouse)

    def __call__(self, vendor: str, seed: int) -> Outcome:
        return self.history(vendor, seed)[1]

    def history(self, vendor: str, seed: int) -> tuple[History, Outcome]:
        """A history that was lived, with its outcome: an error that nobody expects is a fault, too."""
        emptied(self.warehouse)
        history = History(self.warehouse, self.machine, WORLDS[vendor], seed)
        try:
            history.run()
        except Exception as error:
            history.outcome.faults.append("".join(traceback.format_exception(error)[-6:]))
        finally:
            history.world.connector.close()
        return history, history.outcome
