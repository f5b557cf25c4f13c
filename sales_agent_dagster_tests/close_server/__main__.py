"""``python -m sales_agent_dagster_tests.close_server``: prints its base URL and serves until ended."""

from __future__ import annotations

import argparse
from dataclasses import fields

from sales_agent_dagster_tests.close_server.app import BASE, StandIn
from sales_agent_dagster_tests.close_server.calls import Options
from sales_agent_dagster_tests.serving import serve


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="close_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    for option in fields(Options):
        flag = f"--{option.name.replace('_', '-')}"
        if option.type == "bool":
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=option.default)
        else:
            kind = {"float": float, "int": int}[str(option.type)]
            parser.add_argument(flag, type=kind, default=option.default)
    given = vars(parser.parse_args(arguments))
    port = given.pop("port")
    serve(StandIn(Options(**given)), lambda host, port: f"http://{host}:{port}{BASE}/", port=port)


if __name__ == "__main__":
    main()
