"""``python -m sales_agent_dagster_tests.cerebras_server``: prints its URL and serves until ended."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields

from sales_agent_dagster_tests.cerebras_server.app import Options, StandIn
from sales_agent_dagster_tests.serving import serve


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="cerebras_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--faults", type=json.loads, default={}, help="as POST /admin/faults takes them")
    for option in fields(Options):
        flag = f"--{option.name.replace('_', '-')}"
        if option.type == "bool":
            parser.add_argument(flag, action="store_true")
        elif option.type.startswith("tuple"):
            parser.add_argument(flag, type=lambda text: tuple(text.split(",")), default=option.default)
        else:
            kind = {"float": float, "int": int}.get(str(option.type), str)
            parser.add_argument(flag, type=kind, default=option.default)
    given = vars(parser.parse_args(arguments))
    host, port, faults = given.pop("host"), given.pop("port"), given.pop("faults")
    app = StandIn(Options(**given))
    app.break_by(faults)
    serve(app, "http://{}:{}".format, host, port)


if __name__ == "__main__":
    main()
