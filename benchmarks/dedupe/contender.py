"""One contender on one list, in a process of its own: prints its figures as one JSON document.

    python -m benchmarks.dedupe.contender ours leads.parquet truth.parquet

``ours`` calls the matcher as a library; ``splink`` and ``naive`` are the yardsticks. Seconds are of the work
on a table in memory: from raw cells to entities, without reading the file and without importing.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.dedupe.metrics import Labels, Score, branch_neutral, clustered, components, edges, largest

Figures = dict[str, Any]


def main() -> None:
    name, leads, truth = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    print(json.dumps(CONTENDERS[name](pq.read_table(leads), pq.read_table(truth))))


def ours(leads: pa.Table, truth: pa.Table) -> Figures:
    """The matcher with its shipped model, learning on the table."""
    from benchmarks.dedupe.preparation import raw_columns
    from sales_agent_dagster.matching.columns import normalise_columns
    from sales_agent_dagster.matching.dedupe import MERGE, REVIEW, dedupe
    from sales_agent_dagster.matching.model import load_model

    load_model()  # read once, as a module is
    started, before = time.perf_counter(), _cpu()
    table = normalise_columns(raw_columns(leads))
    normalised = time.perf_counter()
    found = dedupe(table, load_model(by_name=table.is_unplaced))
    ended, cpu = time.perf_counter(), _cpu() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    entity = _entity(truth)
    merged = np.flatnonzero((found.outcome == MERGE) & (found.matched >= 0))
    right = int((entity[merged] == entity[found.matched[merged]]).sum())
    linked, candidates = _pairs(table, found.model, entity)
    return _figures(found.entity, truth) | {
        "seconds": ended - started,
        "cpu_seconds": cpu,
        "peak_mb": peak,
        "seconds_normalising": normalised - started,
        "pairs": _score(linked),
        "block_recall": candidates.recall,
        "candidates_per_row": candidates.claimed / len(entity),
        "auto": _score(Score(right, len(merged), len(merged))),
        "auto_rows": len(merged),
        "reviews_per_1000": 1000 * float((found.outcome == REVIEW).mean()),
    }


def splink(leads: pa.Table, truth: pa.Table) -> Figures:
    """Splink on the same preparation, at a threshold fixed beforehand."""
    from benchmarks.dedupe import splink_yardstick
    from benchmarks.dedupe.preparation import prepare

    started, before = time.perf_counter(), _cpu()
    prepared = prepare(leads)
    run = splink_yardstick.run(prepared)
    limit = splink_yardstick.threshold_for(len(prepared))
    predicted = run.clusters(len(prepared), limit)
    seconds, cpu = time.perf_counter() - started, _cpu() - before
    chosen = run.bits >= limit
    pairs = edges(run.left[chosen], run.right[chosen], _entity(truth))
    return _figures(predicted, truth) | {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "seconds_normalising": seconds - run.seconds,
        "pairs": _score(pairs),
        "block_recall": edges(run.left, run.right, _entity(truth)).recall,
    }


def naive(leads: pa.Table, truth: pa.Table) -> Figures:
    """The best single confidence decides."""
    from benchmarks.dedupe.naive_rules import find_pairs

    started, before = time.perf_counter(), _cpu()
    left, right = find_pairs(leads)
    predicted = components(left, right, leads.num_rows)
    seconds, cpu = time.perf_counter() - started, _cpu() - before
    pairs = edges(left, right, _entity(truth))
    return _figures(predicted, truth) | {"seconds": seconds, "cpu_seconds": cpu, "pairs": _score(pairs)}


CONTENDERS: dict[str, Callable[[pa.Table, pa.Table], Figures]] = {
    "ours": ours,
    "splink": splink,
    "naive": naive,
}


def _entity(truth: pa.Table) -> Labels:
    return truth["entity"].to_numpy().astype(np.int64)


def _figures(predicted: Labels, truth: pa.Table) -> Figures:
    figures = {"clustered": _score(clustered(predicted, _entity(truth))), "largest": largest(predicted)}
    if "company" in truth.column_names:
        company = truth["company"].to_numpy().astype(np.int64)
        figures["branch_neutral"] = _score(branch_neutral(predicted, _entity(truth), company))
    return figures


def _cpu() -> float:
    """Seconds of this process and of those it has waited for."""
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def _score(score: Score) -> tuple[float, float, float]:
    return score.f1, score.precision, score.recall


def _pairs(table: Any, model: Any, entity: Labels) -> tuple[Score, Score]:
    """Pairs at or above the matcher's threshold, and all its candidate pairs."""
    from sales_agent_dagster.matching.blocking import table_keys
    from sales_agent_dagster.matching.compare import CHUNK, compare
    from sales_agent_dagster.matching.facts import Facts
    from sales_agent_dagster.matching.pairs import candidate_pairs
    from sales_agent_dagster.matching.weigh import evidence_of, odds, vetoed

    found = candidate_pairs(table_keys(table), table.size)
    facts = Facts(table, table.size)
    linked = np.zeros(len(found.left), bool)
    for low in range(0, len(found.left), CHUNK):
        part = slice(low, low + CHUNK)
        compared = compare(facts, found.left[part], found.right[part])
        bits = odds(evidence_of(compared), model.weights, facts.population).bits
        linked[part] = (bits >= model.thresholds.same) & ~vetoed(compared.levels)
    return edges(found.left[linked], found.right[linked], entity), edges(found.left, found.right, entity)


if __name__ == "__main__":
    main()
