"""What Dagster loads: ``workspace.yaml`` and ``[tool.dg]`` point here."""

from __future__ import annotations

from sales_agent_dagster.defs.build import build_defs

defs = build_defs()
