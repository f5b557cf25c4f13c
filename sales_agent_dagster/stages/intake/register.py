"""From a file to batches: recognise it, check it, archive it, cut it. Or say why not."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import QuarantinedFile, TransientError
from sales_agent_dagster.domain.headers import HeaderMap, map_header
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.intake.archive import Archive, Staged
from sales_agent_dagster.stages.intake.dialect import evenness
from sales_agent_dagster.stages.intake.reader import CsvTable, no_rows
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_batches, lead_files

_ATTEMPTS = 50
"""Tries to take the next batch numbers while other processes take them too."""
_SAMPLE_ROWS = 100


@dataclass(frozen=True, slots=True)
class Registration:
    """What became of a file.

    Attributes:
        file_id: SHA-256 of the content, hex; of what identifies the file when it cannot be read.
        file_name: name it was given under this time.
        outcome: ``new``, ``known`` (same content before, under any name) or ``quarantined``.
        batch_ids: its batches in order; none when quarantined.
        reason: why it is known or quarantined; None when new.
    """

    file_id: str
    file_name: str
    outcome: Literal["new", "known", "quarantined"]
    batch_ids: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Contents:
    """A file that passed: how it is written, and where its batches start."""

    table: CsvTable
    header: HeaderMap
    starts: list[dict[str, int]]
    rows: int
    blank_rows: int


def register_file(path: Path, warehouse: Warehouse, settings: Settings, now: datetime) -> Registration:
    """Take a file in: one row in ``lead_files``, and one in ``lead_batches`` per batch of an accepted file.

    All rows of a file are written in one transaction, after its archived copy is on disk. Safe to repeat
    and to run in several processes at once: one of them gets ``new``, the others ``known``. A file that
    cannot be used is recorded as quarantined and never raises; it is checked afresh each time it comes.

    Args:
        path: the file; it is copied first and not looked at again.
        warehouse: migrated.
        settings: archive folder, batch size, size limit.
        now: time of registration, with zone.

    Raises:
        TransientError: the warehouse is busy or not reachable.
        PermanentError: the archive cannot be written.
    """
    archive = Archive(settings.archive_dir)
    name = os.fsencode(path.name).decode("utf-8", "replace")
    try:
        with archive.staged(path, int(settings.max_file_mb * 1_000_000)) as staged:
            return _register_content(staged, name, archive, warehouse, settings, now)
    except QuarantinedFile as refusal:
        size = _size_of(path)
        identity = f"{refusal.code}:{path.absolute()}:{size}".encode("utf-8", "replace")
        file_id = hashlib.sha256(identity).hexdigest()
        return _quarantine(file_id, name, size, refusal, warehouse, now)


def batch_key(stem: str, sha256: str, number: int, count: int) -> str:
    """Partition key of a batch: ``[a-z0-9_-]`` only, stable for a name and content.

    ``batch_key("Dealers (März)", "ab12...", 1, 1)`` is ``dealers-marz-ab12...`` with 12 digits of the
    hash; a file of several batches adds ``-0001`` and so on.
    """
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9_]+", "-", plain).strip("-_")[:60].rstrip("-_") or "leads"
    digits = max(4, len(str(count)))
    return f"{slug}-{sha256[:12]}" + (f"-{number:0{digits}d}" if count > 1 else "")


def _register_content(
    staged: Staged, name: str, archive: Archive, warehouse: Warehouse, settings: Settings, now: datetime
) -> Registration:
    with warehouse.reading() as connection:
        known = _known(connection, staged, name)
    if known is not None:
        if not archive.holds(staged):
            archive.publish(staged)
        return known
    try:
        contents = _examine(staged.path, settings.batch_size)
    except QuarantinedFile as refusal:
        return _quarantine(staged.sha256, name, staged.size, refusal, warehouse, now)
    archive_path = archive.publish(staged)
    for _ in range(_ATTEMPTS):
        try:
            with warehouse.transaction() as connection:
                return _known(connection, staged, name) or _insert(
                    connection, contents, staged, name, archive_path, now
                )
        except sa.exc.IntegrityError:
            continue  # another process took this file or these batch numbers first
    raise TransientError("Other processes are registering files; try again.")


def _examine(path: Path, batch_size: int) -> _Contents:
    """Read the whole file once: every record parses, the header maps, batches are cut.

    Raises:
        QuarantinedFile: any of the reader's refusals, the header's, or no rows.
    """
    table = CsvTable.detect(path)
    header = _mapped_header(table)
    rows = table.rows()
    starts: list[dict[str, int]] = []
    count = 0
    for record in rows:
        if count % batch_size == 0:
            starts.append(
                {
                    "first_record": record.record_no,
                    "first_line": record.line_no,
                    "byte_offset": record.offset,
                    "row_count": 0,
                }
            )
        count += 1
        starts[-1]["row_count"] += 1
    if not count:
        raise no_rows("The file has a header, but no rows.")
    return _Contents(table, header, starts, count, rows.blank)


def _mapped_header(table: CsvTable) -> HeaderMap:
    """The header's fields; text that does not fall into columns is called what it is, not a bad header."""
    try:
        return map_header(table.header)
    except QuarantinedFile as refusal:
        records = [table.header, *(record.cells for record in islice(table.rows(), _SAMPLE_ROWS))]
        if refusal.code == "header_unknown" and (len(table.header) == 1 or evenness(records) < 0.5):
            raise QuarantinedFile(
                "not_csv",
                "This is text, not a table: its lines do not fall into columns.",
                "Export the list as CSV, with a header row.",
            ) from None
        raise


def _known(connection: sa.Connection, staged: Staged, name: str) -> Registration | None:
    first = connection.execute(
        sa.select(lead_files.c.file_name, lead_files.c.registered_at).where(
            lead_files.c.file_id == staged.sha256, lead_files.c.status == "accepted"
        )
    ).one_or_none()
    if first is None:
        return None
    batch_ids = _batch_ids(connection, staged.sha256)
    more = f" and {len(batch_ids) - 1} more" if len(batch_ids) > 1 else ""
    reason = (
        f"Same content as {first.file_name}, registered on {first.registered_at:%Y-%m-%d} "
        f"as batch {batch_ids[0]}{more}."
    )
    return Registration(staged.sha256, name, "known", batch_ids, reason)


def _batch_ids(connection: sa.Connection, file_id: str) -> tuple[str, ...]:
    query = sa.select(lead_batches.c.batch_id).where(lead_batches.c.file_id == file_id)
    return tuple(connection.scalars(query.order_by(lead_batches.c.batch_seq)))


def _insert(
    connection: sa.Connection,
    contents: _Contents,
    staged: Staged,
    name: str,
    archive_path: str,
    now: datetime,
) -> Registration:
    table, starts = contents.table, contents.starts
    # The file may have been quarantined by an older version that knew fewer headers.
    connection.execute(
        sa.delete(lead_files).where(
            lead_files.c.file_id == staged.sha256, lead_files.c.status == "quarantined"
        )
    )
    connection.execute(
        sa.insert(lead_files).values(
            file_id=staged.sha256,
            file_name=name,
            archive_path=archive_path,
            size_bytes=staged.size,
            status="accepted",
            encoding=table.encoding.name,
            delimiter=table.delimiter,
            header_format=contents.header.format,
            columns=dict(contents.header.columns),
            row_count=contents.rows,
            blank_rows=contents.blank_rows,
            batch_count=len(starts),
            registered_at=now,
        )
    )
    rows = _batch_rows(connection, starts, staged.sha256, Path(name).stem, now)
    connection.execute(sa.insert(lead_batches), rows)
    return Registration(staged.sha256, name, "new", tuple(row["batch_id"] for row in rows))


def _batch_rows(
    connection: sa.Connection, starts: Sequence[dict[str, int]], file_id: str, stem: str, now: datetime
) -> list[dict[str, Any]]:
    last = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(lead_batches.c.batch_seq), 0))) or 0
    return [
        {
            "batch_id": batch_key(stem, file_id, number, len(starts)),
            "batch_seq": last + number,
            "file_id": file_id,
            "batch_no": number,
            "registered_at": now,
            **start,
        }
        for number, start in enumerate(starts, 1)
    ]


def _quarantine(
    file_id: str, name: str, size: int, refusal: QuarantinedFile, warehouse: Warehouse, now: datetime
) -> Registration:
    reasons = {"reason_code": refusal.code, "reason": refusal.message, "remedy": refusal.remedy}
    with warehouse.transaction() as connection:
        stored = connection.execute(
            sa.select(lead_files.c.reason_code, lead_files.c.reason, lead_files.c.remedy).where(
                lead_files.c.file_id == file_id
            )
        ).one_or_none()
        if stored is None or stored._asdict() != reasons:
            warehouse.upsert(
                connection,
                lead_files,
                [
                    {
                        "file_id": file_id,
                        "file_name": name,
                        "size_bytes": size,
                        "status": "quarantined",
                        **reasons,
                        "row_count": 0,
                        "blank_rows": 0,
                        "batch_count": 0,
                        "registered_at": now,
                    }
                ],
            )
    return Registration(file_id, name, "quarantined", (), f"{refusal.message} {refusal.remedy}")


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
