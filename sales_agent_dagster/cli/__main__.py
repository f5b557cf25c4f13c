"""``python -m sales_agent_dagster.cli`` is ``sales-agent``."""

from sales_agent_dagster.cli.main import main

main()
