"""Asset checks: one partitioned step per asset, made from the rules of ``stages.quality``.

A step, not a check each: what a step costs in Dagster is more than what most rules cost.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from sales_agent_dagster.defs.failures import RETRY_TRANSIENT, only_transient_retried
from sales_agent_dagster.defs.partitions import LEAD_BATCHES
from sales_agent_dagster.defs.resources import RESOURCE_KEYS, stage_context
from sales_agent_dagster.settings import CheckSettings, Enforcement
from sales_agent_dagster.stages.base import Stage
from sales_agent_dagster.stages.quality import RULES, CheckOutcome, Rule, Subject
from sales_agent_dagster.warehouse.schema import STAGE_TABLES


def build_checks(enforcement: CheckSettings, agents: Mapping[str, str | None]) -> list[dg.AssetChecksDefinition]:
    """The checks of every asset.

    A failed rule that settings set to ``block`` is an ERROR and stops the assets below; one set to
    ``warn`` is shown as a WARN and stops nothing.
    """
