"""``sales-agent dedupe``: any table of leads in, entity ids and decisions out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sales_agent_dagster.cli.dedupe_files import LeadFile, read_leads, require_writable, write_decisions
from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.terminal import err, interactive, say
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.dedupe import MERGE, OUTCOMES, REVIEW, Deduped, dedupe
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.matching.places_repair import rejoined_cities
from sales_agent_dagster.matching.table import LeadTable, appended
from sales_agent_dagster.matching.weigh import RELATIONS

WAREHOUSE = "warehouse"
NEW_MARK = "new-"
"""Tells the ids that rows of a file found from equal ids of the table they are matched against."""
NO_MATCH = "No other lead shares enough with it."

Progress = Callable[[str], Any]


def dedupe_file(file: Path, out: Path, against: str | None, model_file: Path | None) -> ExitCode:
    """Write a decision for every row of ``file`` to ``out``.

    Args:
        file: the table, CSV or Parquet.
        out: where the decisions go, CSV or Parquet.
        model_file: weights to use as they are; without them the shipped ones are adapted to the table.
        against: a further table of leads, or ``warehouse``, that rows may belong to; it gets no decisions.

    Raises:
        ConfigurationError: a file or the model cannot be used.
    """
    given = [Path(name) for name in (against, model_file) if name is not None and name != WAREHOUSE]
    require_writable(out, [file, *given])
    if model_file:
        load_model(model_file)  # refused before the work rather than after it
    with Steps() as step:
        step("reading")
        leads = read_leads(file)
        known = _known(against)
        step("normalising")
        table = normalised(leads)
        fixed = None
        if known is not None:
            table, fixed = appended([normalised(known), table]), _entities(known)
        model = load_model(model_file, by_name=table.is_unplaced)
        done = dedupe(table, model, fixed=fixed, learning=model_file is None, progress=step)
        step("writing")
        write_decisions(_decisions(leads, known, done), out)
    _summary(leads, done, out)
    return ExitCode.OK


def normalised(leads: LeadFile) -> LeadTable:
    """The comparable values of a table of leads, whose raw cells are then gone."""
    return rejoined_cities(normalise_columns(leads.raw, emptying=True))


def _known(against: str | None) -> LeadFile | None:
    if against is None:
        return None
    if against == WAREHOUSE:
        from sales_agent_dagster.cli.dedupe_warehouse import read_warehouse

        return read_warehouse()
    return read_leads(Path(against))


def _entities(known: LeadFile) -> Any:
    """Per known row the first row of its entity; None when the file does not say: they are then found too."""
    if known.entity_ids is None:
        return None
    numbers = known.entity_ids.dictionary_encode().indices.to_numpy()
    first = np.unique(numbers, return_index=True)[1][numbers]
    blank = pc.equal(known.entity_ids, "").to_numpy(zero_copy_only=False)
    return np.where(blank, np.arange(len(known)), first)


def _decisions(leads: LeadFile, known: LeadFile | None, done: Deduped) -> Iterator[pa.Table]:
    """The output, some rows at a time: a million rows' sentences are hundreds of megabytes."""
    start = low = len(known) if known else 0
    ids = leads.record_ids if known is None else pa.concat_arrays([known.record_ids, leads.record_ids])
    entities = _names("E-", leads, known, None if known is None else known.entity_ids)
    accounts = _names("A-", leads, known, None if known is None else known.account_ids)
    partner_type = leads.id_type if known is None or known.id_type == leads.id_type else pa.string()
    for sentences in done.explanations(start):
        rows = slice(low, low := low + len(sentences))
        matched, outcome = done.matched[rows], done.outcome[rows]
        partner = ids.take(pa.array(matched, mask=matched < 0))
        # Both tables may number their rows alike: the sentence says which one it means.
        named = pc.if_else(
            pa.array(matched < start), pc.binary_join_element_wise(partner, "(known)", " "), partner
        )
        yield pa.table(
            {
                "record_id": _typed(ids[rows], leads.id_type),
                "entity_id": entities.take(pa.array(done.entity[rows])),
                "account_id": accounts.take(pa.array(done.account[rows])),
                "decision": pa.array(OUTCOMES).take(pa.array(outcome)),
                "bits": pa.array(np.round(done.bits[rows].astype(float), 2), from_pandas=True),
                "matched_record_id": _typed(pc.if_else(pa.array(outcome != 0), partner, None), partner_type),
                "explanation": _explained(outcome + done.torn[rows], done.relation[rows], named, sentences),
            }
        )


def _typed(ids: pa.StringArray, kind: pa.DataType) -> pa.Array:
    return ids if pa.types.is_string(kind) else pc.if_else(pc.equal(ids, ""), None, ids).cast(kind)


def _names(
    kind: str, leads: LeadFile, known: LeadFile | None, given: pa.StringArray | None
) -> pa.StringArray:
    """Per row, the known ones first, the id of the entity or account that it founds.

    It is as given, else from its record id. None is given twice, also where both files number rows alike.
    """
    if known is None:
        return pc.binary_join_element_wise(kind, leads.record_ids, "")
    if given is None:
        given = pa.array([""] * len(known), pa.string())
    blank = pc.equal(given, "")
    # Nulls below: not given, so not taken.
    own = _apart(kind, known.record_ids, pc.if_else(blank, None, given))
    named = pc.if_else(blank, own, given)
    return pa.concat_arrays([named, _apart(kind, leads.record_ids, named, known.record_ids)])


def _apart(
    kind: str, ids: pa.StringArray, taken: pa.StringArray, taken_ids: pa.StringArray | None = None
) -> pa.StringArray:
    """``kind`` and each id; with ``NEW_MARK`` between them, as often as it takes, where that is taken."""
    names = pc.binary_join_element_wise(kind, ids, "")
    clash = pc.is_in(names, taken)
    if taken_ids is not None:
        clash = pc.or_(clash, pc.is_in(ids, taken_ids))
    prefix = kind
    while pc.any(clash).as_py():
        prefix += NEW_MARK
        names = pc.if_else(clash, pc.binary_join_element_wise(prefix, ids, ""), names)
        sound = pc.if_else(clash, None, names)
        clash = pc.and_(clash, pc.or_(pc.is_in(names, taken), pc.is_in(names, sound)))
    return names


def _explained(outcome: Any, relation: Any, partner: pa.StringArray, sentences: pa.StringArray) -> pa.Array:
    openings = ["New: ", "Same as ", "Perhaps the same as ", "Fits two companies, perhaps the same as "]
    kin = [f"New, {kind} of " for kind in RELATIONS[1:]]
    number = np.where(relation > 0, relation + len(openings) - 1, outcome)
    opening = pa.array([*openings, *kin]).take(pa.array(number))
    # A row without a partner has neither partner nor sentence: the join is null.
    return pc.fill_null(
        pc.binary_join_element_wise(opening, partner, ": ", sentences, ".", ""), f"New: {NO_MATCH}"
    )


def _summary(leads: LeadFile, done: Deduped, out: Path) -> None:
    start = len(done.outcome) - len(leads)
    outcome = done.outcome[start:]
    entities = len(np.unique(done.entity[start:]))
    say(
        f"{count(len(leads), 'row')}, {count(entities, 'entity', 'entities')}: "
        f"{int((outcome == MERGE).sum()):,} merged, {int((outcome == REVIEW).sum()):,} to review. "
        f"Decisions are in {out}."
    )


class Steps:
    """The step at work, shown on a terminal and nowhere else."""

    def __enter__(self) -> Progress:
        self._status = err().status("starting") if interactive(err()) else None
        if self._status:
            self._status.start()
        return self._show

    def _show(self, step: str) -> None:
        if self._status:
            self._status.update(f"{step} ...")

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()
