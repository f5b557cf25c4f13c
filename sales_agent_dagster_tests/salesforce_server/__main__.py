"""``python -m sales_agent_dagster_tests.salesforce_server``: prints its URL and serves until ended."""

from __future__ import annotations

import argparse

from sales_agent_dagster.crm.salesforce.layout import Layout
from sales_agent_dagster.settings import SalesforceSettings
from sales_agent_dagster_tests.salesforce_server.app import Options, StandIn
from sales_agent_dagster_tests.salesforce_server.custom import add_custom_fields
from sales_agent_dagster_tests.serving import serve


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="salesforce_server", description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--daily-calls", type=int, default=Options.daily_calls)
    given = parser.parse_args(arguments)
    app = StandIn(Options(latency_ms=given.latency_ms, daily_calls=given.daily_calls, running=True))
    add_custom_fields(app.org, Layout(SalesforceSettings()))

    def announced(host: str, port: int) -> str:
        app.url = f"http://{host}:{port}"
        return app.url

    serve(app, announced)


if __name__ == "__main__":
    main()
