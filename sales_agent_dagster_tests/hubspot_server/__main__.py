"""``python -m sales_agent_dagster_tests.hubspot_server``: prints its URL and serves until ended."""

from __future__ import annotations

import argparse

from sales_agent_dagster_tests.hubspot_server.app import Options, StandIn
from sales_agent_dagster_tests.serving import serve


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="hubspot_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--index-lag-s", type=float, default=0.0)
    parser.add_argument("--partial", action="store_true", help="answer bad rows of a batch with 207")
    for name in ("ten-seconds", "daily", "search-second"):
        parser.add_argument(f"--{name}", type=int, default=None, help="rate limit")
    given = vars(parser.parse_args(arguments))
    host, port = given.pop("host"), given.pop("port")
    serve(StandIn(Options(**given)), "http://{}:{}".format, host, port)


if __name__ == "__main__":
    main()
