"""Fit the shipped weights to labelled worlds: every style, profile and size here is for fitting only.

    python -m benchmarks.dedupe.fit_default_model --out sales_agent_dagster/matching/default_model.json
    python -m benchmarks.dedupe.fit_default_model --names --out sales_agent_dagster/matching/names_model.json

Seeds from 9000 on; tests and reports use others. Deterministic: the same worlds give the same figures.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.dedupe.generator import Leads, generate
from sales_agent_dagster.matching.blocking import table_keys
from sales_agent_dagster.matching.calibrate import Labelled, calibrated
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.compare import compare
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.levels import ALTERNATIVES, FIELDS, LEVELS, SPREADING, VALUED
from sales_agent_dagster.matching.model import Alternative, FieldWeights, LinkageModel, Thresholds
from sales_agent_dagster.matching.normalise import NORM_VERSION
from sales_agent_dagster.matching.pairs import candidate_pairs
from sales_agent_dagster.matching.repeats import usual_repeats
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
NAMES_WORLDS = [
    (5_000, "normal", "trades:100"),
    (5_000, "hard", "trades:106"),
    (5_000, "normal", "commerce:100"),
    (5_000, "hard", "commerce:104"),
    (2_000, "normal", "trades:110"),
    (20_000, "normal", "trades:114"),
]
NAMES_FIELDS = (
    ("name",),
    ("name", "website"),
    ("name", "email"),
    ("name", "website", "email", "contact", "linkedin"),
)
"""Columns of lists without places and phones: each world is fitted to with each of them."""
FIRST_SEED = 9000
NAMES_THRESHOLDS = Thresholds(review=-1.0, same=0.0, auto=6.0, gap=3.0, write=9.0)
THRESHOLDS = Thresholds(review=-1.0, same=0.5, auto=6.0, gap=3.0, write=9.0)
_LIKE_MATCHES = {
    "branch": ("name", "web", "email", "linkedin"),
    "address": ("street", "place"),
    "line": ("phone",),
    "sister": ("place", "contact"),
}


def labelled(leads: Leads, columns: Sequence[str]) -> tuple[Labelled, float]:
    """All candidate pairs of a world, judged by its truth, and how often its names repeat."""
    raw = {name: leads.table[name].fill_null("").combine_chunks() for name in columns}
    table = normalise_columns(raw)
    pairs = candidate_pairs(table_keys(table), table.size)
    entity = leads.truth["entity"].to_numpy()
    evidence = evidence_of(compare(Facts(table, table.size), pairs.left, pairs.right))
    same = entity[pairs.left] == entity[pairs.right]
    weight = (10_000 / table.size) ** 0.5
    return Labelled(evidence, same, table.size, weight).counted(), usual_repeats(table) or 1.0


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
        version="1", norm_version=NORM_VERSION, trained_on=f"{len(worlds)} generated lists of company leads",
        matches_per_lead=1.0, fields=fields, alternatives=alternatives, thresholds=THRESHOLDS,
    )  # fmt: skip


def _shares(worlds: list[Labelled], matches: bool) -> dict[str, dict[str, float]]:
    found = {}
    for number, name in enumerate(FIELDS):
        counts = np.full(len(LEVELS[name]), 1.0)
        for world in worlds:
            chosen = world.same == matches
            weight = np.broadcast_to(world.weight, len(chosen))[chosen]
            counts += np.bincount(world.evidence.slots[chosen, number] % 8, weight, minlength=len(counts))
        known = counts[1:] / counts[1:].sum()
        found[name] = {level: float(share) for level, share in zip(LEVELS[name][1:], known, strict=True)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--names", action="store_true", help="the model for lists without places and phones")
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    pa.set_cpu_count(1)
    worlds, repeats = [], []
    for number, (rows, profile, style) in enumerate(NAMES_WORLDS if options.names else WORLDS):
        leads = generate(rows, FIRST_SEED + number, profile, style)
        for columns in NAMES_FIELDS if options.names else [leads.table.column_names[1:]]:
            world, often = labelled(leads, columns)
            worlds.append(world)
            repeats.append(often)
            print(
                f"{style} {profile} {rows:,} rows, {len(columns)} columns: {len(world.same):,} kinds of pairs"
            )
    start = starting_model(worlds)
    shipped = {"version": start.version, "trained_on": start.trained_on}
    model = calibrated(start, worlds, steps=options.steps).model_copy(update=shipped)
    if options.names:
        changed = {"thresholds": NAMES_THRESHOLDS, "usual_repeats": round(float(np.mean(repeats)), 2)}
        model = LinkageModel.model_validate(dict(model) | changed)
    options.out.write_text(model.model_dump_json(indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
