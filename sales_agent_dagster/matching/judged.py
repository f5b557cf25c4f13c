"""How good linkage is on leads whose right companies are known.

The evaluation set, ``data/golden/identity.csv``, is a made-up list in which every kind of fault occurs more
often than usual; its column ``company`` says which rows are one firm at one place.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.matching.arrays import numbered
from sales_agent_dagster.matching.blocking import block_keys
from sales_agent_dagster.matching.columns import RAW_FIELDS, normalise_columns
from sales_agent_dagster.matching.dedupe import MERGE, REVIEW, dedupe
from sales_agent_dagster.matching.model import LinkageModel
from sales_agent_dagster.matching.pairs import candidate_pairs
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.settings import PROJECT_ROOT

EVALUATION_SET = PROJECT_ROOT / "data" / "golden" / "identity.csv"
TRUTH = "company"

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class JudgedLeads:
    """Leads and the truth about them.

    Attributes:
        company: per row the number of its firm.
    """

    table: LeadTable
    company: Labels


@dataclass(frozen=True)
class BlockRecall:
    """What blocking reaches.

    Attributes:
        true_pairs: pairs of rows that are one firm.
        reached: of these, pairs that share a key.
        candidates: all pairs that share a key.
    """

    rows: int
    true_pairs: int
    reached: int
    candidates: int

    @property
    def share(self) -> float:
        """Reached of the true pairs; 1 when there are none."""
        return self.reached / self.true_pairs if self.true_pairs else 1.0


@dataclass(frozen=True)
class LinkageFigures:
    """A model on judged leads.

    Attributes:
        f1, precision, recall: of all pairs within the companies found, against those of the true ones.
        merge_precision: share of the merges that are right.
        review_share: share of the leads that wait for a person.
    """

    block: BlockRecall
    f1: float
    precision: float
    recall: float
    merge_precision: float
    review_share: float


@lru_cache(maxsize=2)
def load_judged(path: Path = EVALUATION_SET) -> JudgedLeads:
    """The evaluation set, or another file like it.

    Raises:
        ConfigurationError: the file cannot be read, or lacks a column; the message names it.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.") from None
    if missing := {TRUTH, "name"} - set(reader.fieldnames or ()):
        raise ConfigurationError(f"{path} has no column {', '.join(sorted(missing))}. Restore it.")
    raw = {
        name: pa.array([row[name] or "" for row in rows], pa.string())
        for name in RAW_FIELDS
        if name in (reader.fieldnames or ())
    }
    _, company = np.unique([row[TRUTH] for row in rows], return_inverse=True)
    return JudgedLeads(normalise_columns(raw), company.astype(np.int64))


def block_recall(judged: JudgedLeads) -> BlockRecall:
    """How many of the true pairs share a key."""
    table, company = judged.table, judged.company
    found = candidate_pairs(block_keys(table), table.size)
    reached = int((company[found.left] == company[found.right]).sum())
    return BlockRecall(table.size, _pairs(company), reached, len(found.left))


def judge(judged: JudgedLeads, model: LinkageModel) -> LinkageFigures:
    """Decide about all judged leads and compare with the truth."""
    company = judged.company
    found = dedupe(judged.table, model, learning=False)
    both = _pairs(numbered(found.entity * (int(company.max(initial=0)) + 1) + company))
    claimed, true = _pairs(found.entity), _pairs(company)
    merged = np.flatnonzero(found.outcome == MERGE)
    right = company[merged] == company[found.matched[merged]]
    return LinkageFigures(
        block=block_recall(judged),
        f1=_share(2 * both, claimed + true),
        precision=_share(both, claimed),
        recall=_share(both, true),
        merge_precision=_share(int(right.sum()), len(merged)),
        review_share=float((found.outcome == REVIEW).mean()),
    )


def _pairs(labels: Labels) -> int:
    counts = np.unique(labels, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
