"""The evaluation set that is shipped: made-up leads whose phones and websites cannot be anybody's.

    python -m benchmarks.dedupe.evaluation_set --out data/golden/identity.csv

Hard lists of three families that are used nowhere else; of each, firms that are listed more than once
and some that are not.
"""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path

import numpy as np

from benchmarks.dedupe.generator import COLUMNS, Leads, generate
from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_shared_host

LISTS = (("trades:401", 8101), ("commerce:401", 8102), ("mixed:401", 8103))
ROWS, SEVERAL, ALONE = 1_000, 180, 80
_HOST = re.compile(r"(?<=@|/)[a-z0-9.-]+\.[a-z]{2,}|^[a-z0-9.-]+\.[a-z]{2,}(?!.*@)", re.IGNORECASE)
_UNUSED = {"com": "example", "net": "test"}
_EXCHANGE = re.compile(r"(\d{3}\D{0,3})(\d{3})(\D{0,3}\d{4})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with options.out.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["company", *COLUMNS[1:]])
        for style, seed in LISTS:
            leads = _some(generate(ROWS, seed, "hard", style))
            for entity, row in zip(leads.truth["entity"].to_pylist(), leads.table.to_pylist(), strict=True):
                del row["record_id"]
                writer.writerow([f"{style}-{entity}", *map(_unreal, row, row.values())])


def _some(leads: Leads) -> Leads:
    entity = leads.truth["entity"].to_numpy()
    rows_of = np.bincount(entity)
    shuffled = np.random.default_rng(1).permutation(len(rows_of))
    several = shuffled[rows_of[shuffled] > 1]
    copied = several[: np.searchsorted(np.cumsum(rows_of[several]), SEVERAL)]
    alone = shuffled[rows_of[shuffled] == 1][:ALONE]
    return leads.take(np.flatnonzero(np.isin(entity, [*copied, *alone])))


def _unreal(field: str, text: str | None) -> str:
    """The value under a top-level domain that nobody can have, or with an exchange that is not given out."""
    if text and field == "phone":
        return _EXCHANGE.sub(r"\g<1>555\g<3>", text)
    if text and field in ("website", "email"):
        return _HOST.sub(lambda found: _unused(found[0]), text, count=1)
    return text or ""


def _unused(host: str) -> str:
    if is_shared_host(host) or is_free_mail(host):
        return host
    rest, _, ending = host.rpartition(".")
    return f"{rest}.{_UNUSED.get(ending.lower(), 'invalid')}"


if __name__ == "__main__":
    main()
