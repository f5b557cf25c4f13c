"""The ``sales-agent`` command: what people and scripts type.

Belongs here: arguments, exit codes, output for terminals, pipes and programs.
Does not belong here: what the commands do to data (stages, warehouse, defs).
"""

from sales_agent_dagster.cli.main import main

__all__ = ["main"]
