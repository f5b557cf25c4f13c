"""Offline facts against naive use of the same packages: leads per second of one core.

``python -m benchmarks.enrichment.offline [--leads 20000] [--naive 2000] [--repeat 3]``. Every lead has a
company, domain, mailbox, number and note of its own, and a ZIP and an exchange out of all that there are; no
pass sees a lead of another. The naive side asks the same packages one lead at a time, the way their own pages
show it. CPU time, so that a busy machine does not count; what is loaded on first use is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import math
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import phonenumbers
import tldextract
import yaml
import zipcodes
from phonenumbers import geocoder, timezone
from rapidfuzz import process
from rich.console import Console
from rich.table import Table

from sales_agent_dagster.cli.main import GC_THRESHOLDS
from sales_agent_dagster.domain.trades import trades_in
from sales_agent_dagster.enrichment.offline import OfflineProvider
from sales_agent_dagster.enrichment.providers import COLUMNS, LookupRequest
from sales_agent_dagster.settings import PROJECT_ROOT

GOAL = 5_000
_NAMES = ("Acorn", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Hazel", "Juniper", "Larch", "Maple", "Oak")
_TRADES = ("Electric", "Plumbing & Heating", "HVAC", "Generators", "Solar", "Power", "Home Services")
_BRANDS = ("Generac", "Briggs & Stratton", "Cummins", "Kohler", "Tesla", "Enphase", "Carrier")

Lead = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.enrichment.offline")
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--naive", type=int, default=2_000, help="leads of the naive side")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    gc.set_threshold(*GC_THRESHOLDS)  # as the command line sets them
    zips = [entry["zip_code"] for entry in zipcodes.list_all() if entry["zip_code_type"] == "STANDARD"]
    areas = [code for code in range(201, 990) if _is_geographic(code)]
    numbers = itertools.count()

    def rates(side: Callable[[Sequence[Lead]], int], count: int) -> list[float]:
        side(made_up_leads(numbers, 1, zips, areas))  # loads what it needs
        found = []
        for _ in range(options.repeat):
            leads = made_up_leads(numbers, count, zips, areas)
            started = time.process_time()
            side(leads)
            found.append(count / (time.process_time() - started))
        return found

    measured = {"offline provider": rates(ours, options.leads), "naive": rates(naive, options.naive)}
    table = Table("side", "leads/s of a core, median", "min", "max", "goal")
    for name, found in measured.items():
        figures = (f"{pick(found):,.0f}" for pick in (statistics.median, min, max))
        table.add_row(name, *figures, f"{GOAL:,}" if name == "offline provider" else "")
    Console().print(table)
    ours_rate, naive_rate = (statistics.median(found) for found in measured.values())
    Console().print(f"{ours_rate / naive_rate:.1f} times the naive rate")


def _is_geographic(area: int) -> bool:
    number = phonenumbers.PhoneNumber(country_code=1, national_number=area * 10_000_000 + 5_550_123)
    return phonenumbers.is_valid_number(number) and area % 100 // 10 != area % 10


def made_up_leads(
    numbers: Iterator[int], count: int, zips: Sequence[str], areas: Sequence[int]
) -> list[Lead]:
    """Leads of whom no two share a name, a domain, a mailbox or a note."""
    leads = []
    first = next(numbers)
    rng = random.Random(first)
    for number in [first, *itertools.islice(numbers, count - 1)]:
        name = f"{rng.choice(_NAMES)} {number} {rng.choice(_TRADES)} LLC"
        host = f"{name.split()[0].lower()}{number}.com"
        lead: Lead = dict.fromkeys(COLUMNS) | {
            "company_name": name,
            "email": f"{rng.choice(('info', f'jo.reed{number}', 'jo.reed'))}@{host}",
            "phone": f"+1{rng.choice(areas)}{rng.randint(220, 989)}{rng.randint(0, 9999):04d}",
            "website_host": host,
            "city": f"Town {number}",
            "state": "TX",
            "zip": rng.choice(zips),
            "industry": "Construction",
            "notes": f"Order {number}: drains and standby generators.",
            "oems": ", ".join(sorted(rng.sample(_BRANDS, rng.randint(1, 3)))),
        }
        leads.append(lead)
    return leads


def ours(leads: Sequence[Lead]) -> int:
    """Facts of the leads, by the provider."""
    requests = [LookupRequest(str(number), "", lead) for number, lead in enumerate(leads)]
    outcomes = asyncio.run(OfflineProvider().lookup(requests, math.inf))
    return sum(len(outcome.facts) for outcome in outcomes)  # type: ignore[union-attr]


def naive(leads: Sequence[Lead]) -> int:
    """The same questions to the same packages, lead by lead, nothing remembered."""
    with (PROJECT_ROOT / "sales_agent_dagster" / "domain" / "oems.yaml").open(encoding="utf-8") as file:
        brands = [str(name) for name in yaml.safe_load(file)]
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    found = 0
    for lead in leads:
        number = phonenumbers.parse(lead["phone"])
        found += bool(geocoder.description_for_number(number, "en"))
        found += len(timezone.time_zones_for_number(number))
        found += phonenumbers.is_valid_number(number)
        found += len(zipcodes.matching(lead["zip"]))
        found += bool(extract(lead["website_host"]).top_domain_under_public_suffix)
        found += bool(extract(lead["email"].rpartition("@")[2]).top_domain_under_public_suffix)
        found += len([process.extractOne(name, brands) for name in lead["oems"].split(", ")])
        found += len(trades_in(lead["company_name"])) + len(trades_in(lead["notes"]))
    return found


if __name__ == "__main__":
    main()
