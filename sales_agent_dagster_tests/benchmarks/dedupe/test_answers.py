from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from benchmarks.dedupe.answers import judge
from benchmarks.dedupe.metrics import Score

RECORDS = ["R0", "R1", "R2", "R3"]
ENTITY, COMPANY = np.array([0, 0, 1, 2]), np.array([5, 5, 5, 6])


def output(rows: list[tuple[str, str, str, str | None]]) -> pa.Table:
    names = ("record_id", "entity_id", "decision", "matched_record_id")
    return pa.table(
        {name: pa.array(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
    )


def test_rows_may_come_in_any_order() -> None:
    answer = output(
        [
            ("R3", "E9", "review", "R0"),
            ("R2", "E1", "merge", "R0"),
            ("R0", "E1", "new", None),
            ("R1", "E1", "merge", "R0"),
        ]
    )
    quality = judge(answer, RECORDS, ENTITY, COMPANY)
    assert quality.clustered == Score(right=1, claimed=3, true=1)
    assert quality.neutral == Score(right=1, claimed=1, true=1)
    assert quality.merges == Score(right=1, claimed=2, true=2)
    assert (quality.reviews, quality.largest) == (250.0, 3)
    assert judge(answer, RECORDS, ENTITY).neutral is None


@pytest.mark.parametrize("records", [["R0", "R1", "R1", "R3"], ["R0", "R1", "R2"], ["R0", "R1", "R2", "X"]])
def test_lost_doubled_and_foreign_records_are_errors(records: list[str]) -> None:
    answer = output([(record, "E", "new", None) for record in records])
    with pytest.raises(ValueError, match="the output holds"):
        judge(answer, RECORDS, ENTITY)
