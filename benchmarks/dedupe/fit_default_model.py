"""Fit the shipped weights to labelled worlds: every style, profile and size here is for fitting only.

    python -m benchmarks.dedupe.fit_default_model --out sales_agent_dagster/matching/default_model.json

Seeds from 9000 on; tests and reports use others. Deterministic: the same worlds give the same figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.dedupe.generator import generate
from sales_agent_dagster.matching.blocking import block_keys
from sales_agent_dagster.matching.calibrate import Labelled, calibrated
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.compare import compare
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.levels import ALTERNATIVES, FIELDS, LEVELS, SPREADING, VALUED
from sales_agent_dagster.matching.model import Alternative, FieldWeights, LinkageModel, Thresholds
from sales_agent_dagster.matching.normalise import NORM_VERSION
from sales_agent_dagster.matching.pairs import candidate_pairs
from sales_agent_dagster.matching.weigh import evidence_of

WORLDS = [
    *((10_000, "normal", f"trades:{number}") for number in range(100, 106)),
    *((10_000, "hard", f"trades:{number}") for number in range(106, 110)),
    *((10_000, "normal", f"commerce:{number}") for number in range(100, 104)),
    *((10_000, "hard", f"commerce:{number}") for number in range(104, 107)),
    *((2_000, "normal", f"trades:{number}") for number in range(110, 114)),
    *((60_000, profile, f"trades:{number}") for profile, number in (("normal", 114), ("hard", 115))),
    (60_000, "normal", "commerce:107"),
]
FIRST_SEED = 9000
THRESHOLDS = Thresholds(review=-1.0, same=0.5, auto=6.0, gap=3.0, write=9.0)
_LIKE_MATCHES = {
    "branch": ("name", "web", "email", "linkedin"),
    "address": ("street", "place"),
    "line": ("phone",),
    "sister": ("place", "contact"),
}


def labelled(rows: int, profile: str, style: str, seed: int) -> Labelled:
    """All candidate pairs of a world, judged by its truth."""
    leads = generate(rows, seed, profile, style)
    raw = {name: leads.table[name].fill_null("").combine_chunks() for name in leads.table.column_names[1:]}
    table = normalise_columns(raw)
    pairs = candidate_pairs(block_keys(table), table.size)
    entity = leads.truth["entity"].to_numpy()
    evidence = evidence_of(compare(Facts(table, table.size), pairs.left, pairs.right))
    same = entity[pairs.left] == entity[pairs.right]
    return Labelled(evidence, same, rows, weight=(10_000 / rows) ** 0.5)


def starting_model(worlds: list[Labelled]) -> LinkageModel:
    """Plain shares of levels among matches and others; alternatives are like matches where they agree."""
    shares = [_shares(worlds, matches) for matches in (True, False)]
    fields = {}
    for name in FIELDS:
        match, other = (table[name] for table in shares)
        u = {
            level: 0.15 if LEVELS[name].index(level) in VALUED[name] else share
            for level, share in other.items()
        }
        fields[name] = FieldWeights(m=match, share=match, u=u, u_lone=0.1 if name in SPREADING else None)
    alternatives = {
        name: Alternative(
            rate=1.0, levels={field: shares[field not in _LIKE_MATCHES[name]][field] for field in FIELDS}
        )
        for name in ALTERNATIVES
    }
    return LinkageModel(
        version="1", norm_version=NORM_VERSION, trained_on=f"{len(WORLDS)} generated worlds of company leads",
        matches_per_lead=1.0, fields=fields, alternatives=alternatives, thresholds=THRESHOLDS,
    )  # fmt: skip


def _shares(worlds: list[Labelled], matches: bool) -> dict[str, dict[str, float]]:
    found = {}
    for number, name in enumerate(FIELDS):
        counts = np.full(len(LEVELS[name]), 1.0)
        for world in worlds:
            levels = world.evidence.slots[world.same == matches, number] % 8
            counts += np.bincount(levels, minlength=len(counts))
        known = counts[1:] / counts[1:].sum()
        found[name] = {level: float(share) for level, share in zip(LEVELS[name][1:], known, strict=True)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    pa.set_cpu_count(1)
    worlds = []
    for number, (rows, profile, style) in enumerate(WORLDS):
        worlds.append(labelled(rows, profile, style, FIRST_SEED + number))
        print(f"{style} {profile} {rows:,} rows: {len(worlds[-1].same):,} pairs")
    model = calibrated(starting_model(worlds), worlds, steps=options.steps)
    options.out.write_text(model.model_dump_json(indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
