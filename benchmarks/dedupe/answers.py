"""What a table of decisions is worth: the output of ``sales-agent dedupe`` against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from benchmarks.dedupe.metrics import Labels, Score, branch_neutral, clustered, labels, largest


@dataclass(frozen=True)
class Quality:
    """Figures of one run.

    Attributes:
        clustered: all pairs within entities.
        neutral: the same, merged branches not counted; None without companies in the truth.
        merges: rows decided ``merge``: how many stand with a lead of their own entity.
        reviews: rows decided ``review`` per 1,000 rows.
        largest: rows of the largest entity.
    """

    clustered: Score
    neutral: Score | None
    merges: Score
    reviews: float
    largest: int


def judge(output: pa.Table, record_id: list[str], entity: Labels, company: Labels | None = None) -> Quality:
    """Judge an output table.

    Args:
        output: columns ``record_id``, ``entity_id``, ``decision``, ``matched_record_id``, any row order.
        record_id: ids of the truth's rows.
        entity: true entity per row.
        company: true company per row.

    Raises:
        ValueError: the output does not hold exactly the rows of the truth.
    """
    row_of = {name: row for row, name in enumerate(record_id)}
    try:
        rows = np.array([row_of[name] for name in output["record_id"].to_pylist()], dtype=np.int64)
    except KeyError as unknown:
        raise ValueError(f"the output holds a record {unknown} that the list does not") from None
    if len(rows) != len(record_id) or len(set(rows.tolist())) != len(rows):
        raise ValueError(f"the output holds {len(rows)} rows for {len(record_id)} records")
    truth = entity[rows]
    predicted = labels(output["entity_id"].to_pylist())
    decision = np.array(output["decision"].to_pylist(), dtype=object)
    matched = np.array([row_of.get(name, -1) for name in output["matched_record_id"].to_pylist()])
    merged = (decision == "merge") & (matched >= 0)
    right = int((entity[matched[merged]] == truth[merged]).sum())
    return Quality(
        clustered=clustered(predicted, truth),
        neutral=None if company is None else branch_neutral(predicted, truth, company[rows]),
        merges=Score(right, int(merged.sum()), int(merged.sum())),
        reviews=1000 * float((decision == "review").mean()),
        largest=largest(predicted),
    )
