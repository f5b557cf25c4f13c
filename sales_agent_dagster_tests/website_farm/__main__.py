"""A farm as a process: prints its port and serves until it is terminated."""

from __future__ import annotations

import argparse
import random

from sales_agent_dagster_tests.serving import serve
from sales_agent_dagster_tests.website_farm.app import Farm

SPREAD = 0.45
"""Standard deviation of the logarithm of a host's latency: of twenty hosts one takes twice the median."""

FAILING = ("reset", "error", "wall", "missing")
HONEST = ("plain", "rich", "cookies", "packed")


def main() -> None:
    parser = argparse.ArgumentParser(prog="website_farm")
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--hanging", type=float, default=0.2, help="share of hosts that never answer")
    parser.add_argument("--failing", type=float, default=0.1, help="share of hosts that fail at once")
    parser.add_argument("--median-ms", type=float, default=150.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    serve(planted(options), lambda _, port: str(port))


def planted(options: argparse.Namespace) -> Farm:
    """Hosts 0 to n; which of them hang or fail is drawn."""
    draw = random.Random(options.seed)
    hanging, failing = round(options.hanging * options.hosts), round(options.failing * options.hosts)
    kinds = ["hang"] * hanging + [FAILING[number % len(FAILING)] for number in range(failing)]
    kinds += [HONEST[number % len(HONEST)] for number in range(options.hosts - hanging - failing)]
    draw.shuffle(kinds)
    farm = Farm()
    for number, kind in enumerate(kinds):
        latency_ms = options.median_ms * draw.lognormvariate(0.0, SPREAD)
        farm.add(number, kind, latency_ms=latency_ms)
    return farm


if __name__ == "__main__":
    main()
