"""``imported_leads``: the rows of a batch, repaired; and the rows that cannot be used, with reasons."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

import orjson
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import PermanentError, QuarantinedFile, UnknownRecord
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.headers import map_header
from sales_agent_dagster.domain.rows import RowFault, RowReader
from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.intake.archive import Archive
from sales_agent_dagster.stages.intake.reader import CsvTable, Position, Record
from sales_agent_dagster.warehouse.schema import (
    METADATA,
    agent_calls,
    enrichment_credits,
    imported_leads,
    lead_batches,
    lead_files,
    rejected_rows,
)

IMPORT_VERSION = "1"
"""Raise it when the rules of reading a row change; rows imported by an older version are imported again."""


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What became of a batch's rows.

    Attributes:
        rows: data rows in the batch; always ``imported + rejected``.
        written: rows inserted, replaced or deleted by this run; 0 when all were up to date.
    """

    rows: int
    imported: int
    rejected: int
    written: int


@dataclass(slots=True)
class _Outcome:
    """What the tables shall hold for the batch, by key; ``None`` for a lead whose stored row is current."""

    leads: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    faults: dict[int, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Difference:
    """What the tables shall hold for a batch, and what of it they do not hold yet."""

    outcome: _Outcome
    leads: list[dict[str, Any]]
    faults: list[dict[str, Any]]
    gone_leads: set[str]
    gone_faults: set[int]

    @property
    def size(self) -> int:
        """Rows to insert, replace or delete."""
        return len(self.leads) + len(self.faults) + len(self.gone_leads) + len(self.gone_faults)


def import_batch(context: StageContext) -> ImportSummary:
    """Bring ``imported_leads`` and ``rejected_rows`` of the batch in line with its source rows.

    Reads the batch's part of the archived file, record by record. All changes are one transaction. A row
    whose raw cells and import version are those of the stored row is not touched, so that a second run
    writes nothing. A lead that newer rules reject is deleted together with its rows downstream.

    A run begins here, so the engine is checked first: what it lacks is told before anything is written.

    Raises:
        ConfigurationError, Rejected: see ``Engine.check``.
        UnknownRecord: no such batch.
        PermanentError: the archived file is missing, damaged, or has other rows than were registered.
        TransientError: the warehouse is busy or not reachable.
    """
    difference = _difference(context)
    context.engine.check()  # after the reading, beside which an engine can warm up
    _store(context, difference)
    outcome = difference.outcome
    found = len(outcome.leads) + len(outcome.faults)
    return ImportSummary(found, len(outcome.leads), len(outcome.faults), difference.size)


def import_is_current(context: StageContext) -> bool:
    """Whether ``import_batch`` would write nothing. Raises what it raises."""
    return _difference(context).size == 0


def lead_id_of(file_id: str, record_no: int) -> str:
    """``L`` and 20 hex digits, stable for a file's content and a row's number in it."""
    return "L" + hashlib.sha256(f"{file_id}:{record_no}".encode()).hexdigest()[:20]


def _load_batch(connection: sa.Connection, batch_id: str) -> sa.Row[Any]:
    batch = connection.execute(
        sa.select(lead_batches, lead_files.c.file_name, lead_files.c.encoding, lead_files.c.delimiter)
        .join(lead_files, lead_files.c.file_id == lead_batches.c.file_id)
        .where(lead_batches.c.batch_id == batch_id)
    ).one_or_none()
    if batch is None:
        raise UnknownRecord(f"There is no batch {batch_id}. Register its file first: sales-agent run FILE.")
    return batch


def _stored_leads(connection: sa.Connection, batch_id: str) -> dict[str, str]:
    query = sa.select(imported_leads.c.lead_id, imported_leads.c.input_hash)
    return dict(connection.execute(query.where(imported_leads.c.batch_id == batch_id)).tuples().all())


def _stored_faults(connection: sa.Connection, batch_id: str) -> dict[int, dict[str, Any]]:
    query = sa.select(rejected_rows).where(rejected_rows.c.batch_id == batch_id)
    return {row.record_no: row._asdict() for row in connection.execute(query)}


def _read_rows(context: StageContext, batch: sa.Row[Any], stored: Mapping[str, str]) -> _Outcome:
    path = Archive(context.settings.archive_dir).verified(batch.file_id)
    try:
        table = CsvTable.reopen(path, batch.encoding, batch.delimiter)
        reader, version = _reader_of(table.header, IMPORT_VERSION)
        rows = table.rows(Position(batch.byte_offset, batch.first_line), batch.first_record)
        records = list(islice(rows, batch.row_count))
    except QuarantinedFile as refusal:
        raise PermanentError(
            f"The archived copy of {batch.file_name} no longer reads as it did when it was registered: "
            f"{refusal.message}"
        ) from refusal
    return _Reading(context, batch, reader, version).outcome(records, stored)


@lru_cache(maxsize=16)
def _reader_of(header: tuple[str, ...], version: str) -> tuple[RowReader, bytes]:
    """The header's reader, and a hash of everything but the cells that a row's columns depend on."""
    mapped = map_header(header)
    return RowReader(mapped), content_hash(version, header, dict(mapped.columns)).encode()


@dataclass(frozen=True, slots=True)
class _Reading:
    """Turns records into rows of the two tables."""

    context: StageContext
    batch: sa.Row[Any]
    reader: RowReader
    version: bytes

    def outcome(self, records: Iterable[Record], stored: Mapping[str, str]) -> _Outcome:
        outcome = _Outcome()
        run = {
            "batch_id": self.batch.batch_id,
            "run_id": self.context.run_id,
            "created_at": self.context.now(),
        }
        lead = run | {"file_id": self.batch.file_id, "status": Status.OK.value}
        for record in records:
            lead_id = lead_id_of(self.batch.file_id, record.record_no)
            input_hash = hashlib.sha256(self.version + orjson.dumps(record.cells)).hexdigest()[:32]
            if stored.get(lead_id) == input_hash:
                outcome.leads[lead_id] = None
                continue
            row = self.reader.read(record.cells)
            if isinstance(row, RowFault):
                outcome.faults[record.record_no] = self._rejected(record, row) | run
            else:
                row |= lead
                row["lead_id"], row["input_hash"] = lead_id, input_hash
                row["record_no"], row["line_no"] = record.record_no, record.line_no
                outcome.leads[lead_id] = row
        return outcome

    def _rejected(self, record: Record, fault: RowFault) -> dict[str, Any]:
        return {
            "record_no": record.record_no,
            "file_name": self.batch.file_name,
            "line_no": record.line_no,
            **asdict(fault),
            "raw": self.reader.raw_cells(record.cells),
        }


def _difference(context: StageContext) -> _Difference:
    with context.warehouse.reading() as connection:
        batch = _load_batch(connection, context.batch_id)
        stored_leads = _stored_leads(connection, context.batch_id)
        stored_faults = _stored_faults(connection, context.batch_id)
    outcome = _read_rows(context, batch, stored_leads)
    found = len(outcome.leads) + len(outcome.faults)
    if found != batch.row_count:
        raise PermanentError(
            f"Batch {context.batch_id} was registered with {batch.row_count} rows, "
            f"but the archived copy of {batch.file_name} has {found} there."
        )
    return _Difference(
        outcome,
        [row for row in outcome.leads.values() if row is not None],
        [row for number, row in outcome.faults.items() if not _same_fault(row, stored_faults.get(number))],
        stored_leads.keys() - outcome.leads.keys(),
        stored_faults.keys() - outcome.faults.keys(),
    )


def _store(context: StageContext, difference: _Difference) -> None:
    """Write what differs from what is stored, in one transaction."""
    if not difference.size:
        return
    with context.warehouse.transaction() as connection:
        _delete_leads(connection, context.batch_id, difference.gone_leads)
        for number in difference.gone_faults:
            key = (rejected_rows.c.batch_id == context.batch_id, rejected_rows.c.record_no == number)
            connection.execute(sa.delete(rejected_rows).where(*key))
        context.warehouse.upsert(connection, imported_leads, difference.leads)
        context.warehouse.upsert(connection, rejected_rows, difference.faults)


def _same_fault(row: Mapping[str, Any], stored: Mapping[str, Any] | None) -> bool:
    own = row.keys() - {"run_id", "created_at"}
    return stored is not None and all(row[name] == stored[name] for name in own)


def _delete_leads(connection: sa.Connection, batch_id: str, lead_ids: Iterable[str]) -> None:
    """Delete leads with everything computed from them, dependent tables first; what was paid stays told."""
    dependent = [
        table
        for table in reversed(METADATA.sorted_tables)
        if "lead_id" in table.c and table not in (agent_calls, enrichment_credits)
    ]
    for lead_id in lead_ids:
        for table in dependent:
            key = (table.c.batch_id == batch_id, table.c.lead_id == lead_id)
            connection.execute(sa.delete(table).where(*key))
