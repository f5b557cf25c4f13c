"""A whole table at once: candidate pairs, weights learnt on the table, clusters, a decision per row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sales_agent_dagster.matching.arrays import distinct
from sales_agent_dagster.matching.blocking import table_keys
from sales_agent_dagster.matching.cluster import Clusters, cluster, components
from sales_agent_dagster.matching.compare import CHUNK, compare
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.model import LinkageModel, Thresholds
from sales_agent_dagster.matching.pairs import Candidates, candidate_pairs
from sales_agent_dagster.matching.repeats import Repeats, repeats_of, usual_repeats
from sales_agent_dagster.matching.sentences import sentences
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.matching.train import learn
from sales_agent_dagster.matching.weigh import (
    RELATIONS,
    best_threshold,
    evidence_of,
    loose,
    moved,
    odds,
    related,
    vetoed,
    waterfall,
)

NEW, MERGE, REVIEW = range(3)
OUTCOMES = ("new", "merge", "review")

LEARN_FROM = 2_000
"""Rows from which a table teaches more than it distorts."""
SAMPLE = 200_000
"""Candidate pairs learnt from; more change nothing."""
SENTENCES = 50_000
"""Rows explained at a time: bounds memory."""
LEAST_REPEATS = 0.1
"""Matches per lead do not fall below this share of the usual ones."""
HEAPS = 0.5
"""Exponent with which the different spellings of a name grow with its mentions (Heaps 1978)."""
MENTIONS_FROM = 10.0
"""Times as many matches per lead as usual from which a list is one of mentions: the spellings of one firm's
name, each like some others, make a chain."""
MAX_LOOKS = 5
LITTLE = 0.002
"""Share of the firms that may still be joined when looking again ends."""
_SEED = 20_240_601

Rows = NDArray[np.int64]
Progress = Callable[[str], Any]


@dataclass(frozen=True)
class Pairs:
    """Weighed candidate pairs.

    Attributes:
        veto, moved: see ``weigh``.
        relation: number in ``weigh.RELATIONS``.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    bits: NDArray[np.float32]
    veto: NDArray[np.bool_]
    moved: NDArray[np.bool_]
    relation: NDArray[np.int8]


@dataclass(frozen=True)
class Deduped:
    """Decisions over a table, row by row.

    Attributes:
        entity: smallest row of the row's cluster: the best estimate, also where a person should look.
        account: smallest row of the company's entities: branches share it.
        outcome: ``NEW``, ``MERGE`` or ``REVIEW``.
        torn: whether a second cluster comes so near that nobody can tell of which it is.
        bits: of the pair that decided; NaN where nothing was compared.
        matched: the other row of that pair; -1 when there is none.
        relation: number, in ``weigh.RELATIONS``, of what the row is of ``matched`` when it is new.
        model: the weights used, learnt on the table or as given.
        tell: gives ``explanations`` of some rows.
        report: counts for people and checks.
    """

    entity: Rows
    account: Rows
    outcome: NDArray[np.int8]
    torn: NDArray[np.bool_]
    bits: NDArray[np.float32]
    matched: NDArray[np.int32]
    relation: NDArray[np.int8]
    model: LinkageModel
    tell: Callable[[Rows], pa.StringArray]
    report: dict[str, Any] = field(default_factory=dict)

    def explanations(self, start: int = 0) -> Iterator[pa.StringArray]:
        """A sentence per row from ``start`` on, ``SENTENCES`` rows at a time; one part at least.

        It is null where the row has no ``matched`` row.
        """
        pa.default_memory_pool().release_unused()
        size = len(self.outcome)
        for low in range(start, max(size, start + 1), SENTENCES):
            yield self.tell(np.arange(low, min(low + SENTENCES, size)))


def dedupe(
    table: LeadTable,
    model: LinkageModel,
    *,
    fixed: Rows | None = None,
    learning: bool = True,
    progress: Progress = lambda step: None,
) -> Deduped:
    """Decide about every row of a table.

    Args:
        table: normalised leads.
        model: weights and thresholds.
        progress: told the name of each step when it begins.
        fixed: the first rows' known entities, as the smallest row of each: they are matched against, not
            decided about, and never joined.
        learning: adapt the weights to the table when it has at least ``LEARN_FROM`` rows and says where firms
            are: without places it would take strangers for matches, and learn from them.
    """
    known = 0 if fixed is None else len(fixed)
    spelt = model
    if model.usual_repeats is not None:
        factor = _repeats_in(table, model.usual_repeats)
        model = model.model_copy(update={"chains": factor >= MENTIONS_FROM})
        model, spelt = model.expecting(factor), model.expecting(factor**HEAPS)
    repeats = repeats_of(table, known)
    if not len(repeats.left):
        return _dedupe(table, spelt, fixed, learning, progress)
    facts = Facts(table, table.size)
    equal = _weighed(facts, Candidates(repeats.left, repeats.right), model)
    one = (equal.bits >= model.thresholds.same) & ~equal.veto
    repeats = repeats.only(one)
    inner = _dedupe(table.take(repeats.kept), spelt, fixed, learning, progress)
    return _expanded(inner, facts, repeats, equal.bits[one])


def _repeats_in(table: LeadTable, usual: float) -> float:
    """How many times as many matches per lead as usual a list's repeated names speak for."""
    repeats = usual_repeats(table)
    return 1.0 if repeats is None else max((repeats - 1) / (usual - 1), LEAST_REPEATS)


def _dedupe(
    table: LeadTable, model: LinkageModel, fixed: Rows | None, learning: bool, progress: Progress
) -> Deduped:
    """See ``dedupe``: the rows as they are."""
    known = 0 if fixed is None else len(fixed)
    _begin("blocking", progress)
    found = candidate_pairs(table_keys(table), table.size, new_from=known)
    facts = Facts(table, table.size)
    report: dict[str, Any] = {"candidate_pairs": len(found.left), "capped_keys": _capped(found)}
    if learning and table.size >= LEARN_FROM and table.is_placed:
        _begin("learning", progress)
        model, report["learnt"] = _learnt(facts, found, model)
    _begin("comparing", progress)
    pairs = _weighed(facts, found, model)
    if model.usual_repeats is not None:
        if model.chains:
            facts, pairs = _by_firm(facts, found, pairs, model, fixed)
        model = model.linking_from(best_threshold(pairs.bits[~pairs.veto]))
    _begin("clustering", progress)
    return _decisions(facts, pairs, model, fixed, report)


def _by_firm(
    facts: Facts, found: Candidates, pairs: Pairs, model: LinkageModel, fixed: Rows | None
) -> tuple[Facts, Pairs]:
    """Facts and weights that count the firms which hold a word or name, not the spellings of one firm.

    What counts as one firm is what the look before found to be one, until that changes no more.
    """
    table, firms = facts.table, 0
    for _ in range(MAX_LOOKS):
        model = model.linking_from(best_threshold(pairs.bits[~pairs.veto]))
        labels = _clusters(table.size, pairs, model, fixed).labels
        before, firms = firms, len(distinct(labels))
        if before and before - firms <= before * LITTLE:
            break
        facts = Facts(table, table.size, firms=(labels + 1).astype(np.int32))
        pairs = _weighed(facts, found, model)
    return facts, pairs


def _expanded(inner: Deduped, facts: Facts, repeats: Repeats, bits: NDArray[Any]) -> Deduped:
    """Decisions about all rows: those that repeat another one join it, ``bits`` for each group."""
    kept, first = repeats.kept, repeats.first
    stands = np.searchsorted(kept, first)
    joined = first != np.arange(len(first))
    group = np.searchsorted(repeats.left, first[joined])
    outcome, found, relation = inner.outcome[stands], inner.bits[stands], inner.relation[stands]
    matched = np.where(inner.matched >= 0, kept[inner.matched], -1).astype(np.int32)[stands]
    matched[joined], found[joined], relation[joined] = first[joined], bits[group], 0
    # Among mentions equal names are merged for the very bits from which they were taken as one.
    sure = inner.model.chains | (found[joined] >= inner.model.thresholds.auto)
    outcome[joined] = np.where(sure, MERGE, REVIEW)

    def tell(rows: Rows) -> pa.StringArray:
        others, places = np.unique(stands[rows], return_inverse=True)
        twins = np.flatnonzero(joined[rows])
        groups, which = np.unique(np.searchsorted(repeats.left, first[rows[twins]]), return_inverse=True)
        places[twins] = len(others) + which
        own = _sentences(facts, inner.model, repeats.left[groups], repeats.right[groups])
        return pa.concat_arrays([inner.tell(others), own]).take(pa.array(places))

    entity, account = kept[inner.entity[stands]], kept[inner.account[stands]]
    report = inner.report | {"repeats": int(joined.sum())}
    torn = inner.torn[stands] & ~joined
    return Deduped(entity, account, outcome, torn, found, matched, relation, inner.model, tell, report)


def _explained(facts: Facts, model: LinkageModel, matched: NDArray[np.int32], rows: Rows) -> pa.StringArray:
    told = matched[rows] >= 0
    pairs = np.sort(np.stack([rows[told].astype(np.int32), matched[rows[told]]]), axis=0)
    place = np.cumsum(told) - 1
    return _sentences(facts, model, *pairs).take(pa.array(place, mask=~told))


def _sentences(
    facts: Facts, model: LinkageModel, left: NDArray[np.int32], right: NDArray[np.int32]
) -> pa.StringArray:
    compared = compare(facts, left, right, workers=2)
    falls = waterfall(evidence_of(compared), model.weights, facts.population)
    return sentences(compared, falls, vetoed(compared.levels))


def _begin(step: str, progress: Progress) -> None:
    """Report a step; memory that earlier ones no longer need goes back to the system first."""
    pa.default_memory_pool().release_unused()
    progress(step)


def learn_from(
    table: LeadTable, model: LinkageModel, *, progress: Progress = lambda step: None
) -> tuple[LinkageModel, dict[str, Any]]:
    """The model with what a table teaches, and the report of the training."""
    _begin("blocking", progress)
    found = candidate_pairs(table_keys(table), table.size)
    _begin("learning", progress)
    return _learnt(Facts(table, table.size), found, model)


def _capped(found: Candidates) -> dict[str, int]:
    return {kind: count for kind, count in found.capped.items() if count}


def _learnt(facts: Facts, found: Candidates, model: LinkageModel) -> tuple[LinkageModel, dict[str, Any]]:
    total = len(found.left)
    some: Any = slice(None)
    if total > SAMPLE:
        some = np.sort(np.random.default_rng(_SEED).choice(total, SAMPLE, replace=False))
    compared = compare(facts, found.left[some], found.right[some], workers=2)
    sampled = len(compared.levels) / max(total, 1)
    # What is never merged does not show what matches look like.
    evidence = evidence_of(compared.take(np.flatnonzero(~vetoed(compared.levels))))
    learnt, report = learn(model, evidence, facts.population, sampled=sampled)
    return learnt, report.as_dict()


def _weighed(facts: Facts, found: Candidates, model: LinkageModel) -> Pairs:
    size = len(found.left)
    bits, relation = np.zeros(size, np.float32), np.zeros(size, np.int8)
    veto, ask = np.zeros(size, bool), np.zeros(size, bool)

    def weigh(part: slice) -> None:
        compared = compare(facts, found.left[part], found.right[part])
        bits[part] = odds(evidence_of(compared), model.weights, facts.population).bits
        veto[part] = vetoed(compared.levels)
        if model.chains:
            veto[part] |= loose(compared.levels)
        ask[part] = moved(compared.levels)
        relation[part] = related(compared.levels, compared.others)

    parts = [slice(low, low + CHUNK) for low in range(0, size, CHUNK)]
    if parts:
        weigh(parts[0])  # alone: what the facts work out once must not be worked out twice
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(weigh, parts[1:]))
    return Pairs(found.left, found.right, bits, veto, ask, relation)


def _linking(pairs: Pairs, limits: Thresholds) -> NDArray[Any]:
    """A vetoed pair links nothing, but counts against joining like any other."""
    return np.where(pairs.veto, np.minimum(pairs.bits, limits.review - 1), pairs.bits)


def _clusters(size: int, pairs: Pairs, model: LinkageModel, fixed: Rows | None) -> Clusters:
    whole = None if fixed is None else np.concatenate([fixed, np.full(size - len(fixed), -1)])
    same = model.thresholds.same
    # Where the list chooses the threshold, two clusters agree when they are likelier one than it asks.
    shift = 0.0 if model.usual_repeats is None else same
    bits = _linking(pairs, model.thresholds) - shift
    return cluster(size, pairs.left, pairs.right, bits, same - shift, whole, chains=model.chains)


def _decisions(
    facts: Facts, pairs: Pairs, model: LinkageModel, fixed: Rows | None, report: dict[str, Any]
) -> Deduped:
    size, limits = facts.table.size, model.thresholds
    bits = _linking(pairs, limits)
    done = _clusters(size, pairs, model, fixed)
    choice = _Choice(size)
    choice.by_tree(done.labels, pairs, done.links, limits, 0 if fixed is None else len(fixed))
    choice.unsure(done.labels, pairs, bits, limits)
    choice.kin(done.labels, pairs)
    kin = (pairs.relation == RELATIONS.index("branch")) & (
        done.labels[pairs.left] != done.labels[pairs.right]
    )
    account = components(size, done.labels[pairs.left[kin]], done.labels[pairs.right[kin]])[done.labels]
    decided = choice.outcome, choice.torn, choice.bits, choice.matched, choice.relation
    told = partial(_explained, facts, model, choice.matched)
    return Deduped(done.labels, account, *decided, model, told, report)


class _Choice:
    """What is decided about each row, and by which pair."""

    def __init__(self, size: int) -> None:
        self.outcome = np.full(size, NEW, np.int8)
        self.torn = np.zeros(size, bool)
        self.bits = np.full(size, np.nan, np.float32)
        self.matched = np.full(size, -1, np.int32)
        self.relation = np.zeros(size, np.int8)

    def by_tree(self, labels: Rows, pairs: Pairs, links: Rows, limits: Thresholds, known: int) -> None:
        """Every row but the first of its cluster hangs on the link that leads towards the first."""
        left, right = pairs.left[links], pairs.right[links]
        reached = labels == np.arange(len(labels))
        reached[:known] = True
        open_links = np.arange(len(links))
        ask = np.zeros(len(labels), bool)
        while len(open_links):
            a, b = left[open_links], right[open_links]
            forward, backward = reached[a] & ~reached[b], reached[b] & ~reached[a]
            for way, parent, child in ((forward, a, b), (backward, b, a)):
                self.matched[child[way]] = parent[way]
                self.bits[child[way]] = pairs.bits[links[open_links[way]]]
                ask[child[way]] = pairs.moved[links[open_links[way]]]
            reached[b[forward]] = True
            reached[a[backward]] = True
            open_links = open_links[~(forward | backward)]
        joined = self.matched >= 0
        sure = (self.bits[joined] >= limits.auto) & ~ask[joined]
        self.outcome[joined] = np.where(sure, MERGE, REVIEW)

    def unsure(self, labels: Rows, pairs: Pairs, bits: NDArray[Any], limits: Thresholds) -> None:
        """Rows that fit a second cluster as well, and rows that may belong to another after all."""
        apart = np.flatnonzero((bits >= limits.review) & (labels[pairs.left] != labels[pairs.right]))
        left, right = pairs.left[apart], pairs.right[apart]
        rival = np.full(len(labels), -np.inf, np.float32)
        for side in (left, right):
            np.maximum.at(rival, side, bits[apart].astype(np.float32))
        merged = self.outcome == MERGE
        self.torn = merged & ((rival >= limits.auto) | (self.bits - rival < limits.gap))
        self.outcome[self.torn] = REVIEW
        # The later row of an open question asks it, with its best partner.
        best = np.lexsort((left, -bits[apart], right))
        first = (
            best[np.flatnonzero(np.append(True, right[best][1:] != right[best][:-1]))] if len(best) else best
        )
        ask = first[self.outcome[right[first]] == NEW]
        self.outcome[right[ask]] = REVIEW
        self.matched[right[ask]] = left[ask]
        self.bits[right[ask]] = bits[apart][ask]

    def kin(self, labels: Rows, pairs: Pairs) -> None:
        """New rows that are a branch, franchise or sister of an earlier one."""
        found = np.flatnonzero((pairs.relation > 0) & (labels[pairs.left] != labels[pairs.right]))
        found = found[self.outcome[pairs.right[found]] == NEW]
        order = found[np.lexsort((pairs.bits[found], pairs.right[found]))]
        right = pairs.right[order]
        last = order[np.flatnonzero(np.append(right[1:] != right[:-1], True))] if len(order) else order
        rows = pairs.right[last]
        self.matched[rows] = pairs.left[last]
        self.bits[rows] = pairs.bits[last]
        self.relation[rows] = pairs.relation[last]
