"""Tables of leads in and decisions out, CSV or Parquet by the file's extension."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sales_agent_dagster.domain.errors import ConfigurationError, QuarantinedFile
from sales_agent_dagster.domain.header_aliases import LEGAL_NAMES, TRADING_NAMES, compact
from sales_agent_dagster.domain.headers import HeaderMap, map_header
from sales_agent_dagster.matching.home_numbers import with_trunk_zero
from sales_agent_dagster.stages.intake.reader import CsvTable

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".tsv", ".txt")

Rows = NDArray[np.int64]

_PLAIN_FIELDS = {
    "website": ("website", "domain"),
    "email": ("email",),
    "linkedin": ("linkedin_url",),
}
_PLACE_FIELDS = {"city": "city", "state": "state", "zip": "zip"}


@dataclass(frozen=True)
class LeadFile:
    """A table of leads as read.

    Attributes:
        record_ids: as given in ``record_id``, else row numbers from 1.
        raw: field of ``RawLead`` to its cells.
        entity_ids: known entities, where the file has an ``entity_id`` column; blank where unknown.
        account_ids: the same of ``account_id``.
        id_type: what ``record_id`` is where the file says so: integers of a Parquet file, else text.
    """

    path: Path
    record_ids: pa.StringArray
    raw: dict[str, pa.StringArray]
    entity_ids: pa.StringArray | None
    account_ids: pa.StringArray | None = None
    id_type: pa.DataType = field(default_factory=pa.string)

    def __len__(self) -> int:
        return len(self.record_ids)


def read_leads(path: Path) -> LeadFile:
    """Read a table of leads; which column is which field is found as the import finds it.

    Raises:
        ConfigurationError: the file is not there, is of another kind, has no column that names a company,
            has one that cannot be read as text, or repeats a ``record_id`` or lacks it in a row; the message
            names file, column and fix.
    """
    if path.suffix.lower() not in (*PARQUET, *CSV):
        raise ConfigurationError(
            f"{path}: not a CSV or Parquet file. Give a file that ends in .csv or .parquet."
        )
    try:
        header, table = _parquet(path) if path.suffix.lower() in PARQUET else _csv(path)
        return _lead_file(path, header, table)
    except QuarantinedFile as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.") from None


Columns = Callable[[int], pa.StringArray]


def _lead_file(path: Path, header: HeaderMap, table: pa.Table) -> LeadFile:
    names = [compact(name) for name in header.names]

    def columns(number: int) -> pa.StringArray:
        return _texts(header.names[number], table.column(number))

    if "recordid" in names:
        given = names.index("recordid")
        ids, kind = columns(given), table.schema.field(given).type
        blank = _without_id(ids, table)
        if len(blank):
            kept = pa.array(np.delete(np.arange(len(ids)), blank))
            table, ids = table.take(kept), ids.take(kept)
        _require_distinct(ids)
    else:
        ids, kind = pa.array(range(1, table.num_rows + 1)).cast(pa.string()), pa.string()
    entities, accounts = (
        pc.utf8_trim_whitespace(columns(names.index(name))) if name in names else None
        for name in ("entityid", "accountid")
    )
    id_type = kind if pa.types.is_integer(kind) else pa.string()
    return LeadFile(path, ids, _raw(header, columns, len(ids)), entities, accounts, id_type)


def _parquet(path: Path) -> tuple[HeaderMap, pa.Table]:
    try:
        with pq.ParquetFile(path) as file:  # unlike read_table it reads columns of one name
            table = file.read()
    except pa.ArrowInvalid as error:
        raise QuarantinedFile(
            "not_parquet", f"This is not a Parquet file ({error}).", "Write it again."
        ) from None
    return map_header(table.column_names), table


def _texts(name: str, column: pa.ChunkedArray) -> pa.StringArray:
    try:
        flat = column.cast(pa.string())
    except pa.ArrowException:
        raise QuarantinedFile(
            "column_type", f"Column '{name}' holds {column.type}, which is no text.", "Write it as text."
        ) from None
    if pa.types.is_decimal(column.type):
        flat = pc.replace_substring_regex(flat, r"\.0+$", "")
    flat = (flat.fill_null("") if flat.null_count else flat).combine_chunks()
    return pa.concat_arrays(flat.chunks) if isinstance(flat, pa.ChunkedArray) else flat


def _csv(path: Path) -> tuple[HeaderMap, pa.Table]:
    found = CsvTable.detect(path)
    header = map_header(found.header)
    # Names of their own: the file's may repeat.
    names = [f"c{number}" for number in range(len(header.names))]
    try:
        table = _fast_csv(found, names)
        # Rows between two stray quotes are one cell to Arrow: whether cells end well is looked at by row.
        sound = not any(_has_line_ends(column) for column in table.columns)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        sound = False
    if not sound:
        table = _tolerant_csv(found, names)
    return header, table


def _has_line_ends(column: pa.ChunkedArray) -> bool:
    # All cells' bytes at once, as the reader has left them: a tenth of the time of looking at each.
    texts = (chunk.buffers()[2] for chunk in column.chunks)
    return any(end in data for data in map(bytes, filter(None, texts)) for end in (b"\n", b"\r"))


def _fast_csv(found: CsvTable, names: list[str]) -> pa.Table:
    with found.path.open("rb") as stream:
        stream.seek(max(found.body.offset, found.encoding.bom_length))
        return pa_csv.read_csv(
            stream,
            read_options=pa_csv.ReadOptions(
                column_names=names, encoding=found.encoding.name, block_size=1 << 23
            ),
            parse_options=pa_csv.ParseOptions(delimiter=found.delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, null_values=[]
            ),
        )


def _tolerant_csv(found: CsvTable, names: list[str]) -> pa.Table:
    """Row by row, as the import reads: short rows are filled up, rows with too many cells refused."""
    rows: list[list[str]] = []
    for record in replace(found.rows(), keep_blank=True):
        cells = record.cells
        if len(cells) > len(names) and any(map(str.strip, cells[len(names) :])):
            raise QuarantinedFile(
                "too_many_cells",
                f"The row on line {record.line_no} has {len(cells)} cells and the header {len(names)}.",
                "Put cells that contain the separator in quotes, or add the missing column names.",
            )
        rows.append([*cells, *[""] * (len(names) - len(cells))][: len(names)])
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)


def _without_id(ids: pa.StringArray, table: pa.Table) -> Rows:
    """Blank rows, which need no id and are no leads.

    Raises:
        QuarantinedFile: a row that is not blank has none.
    """
    without = np.flatnonzero(pc.equal(pc.utf8_trim_whitespace(ids), "").to_numpy(zero_copy_only=False))
    cells = (column.take(pa.array(without)).to_pylist() for column in table.columns)
    for row, values in zip(without.tolist(), zip(*cells, strict=True), strict=True):
        if any(value is not None and str(value).strip() for value in values):
            raise QuarantinedFile(
                "record_id_missing",
                f"Column record_id is blank in row {row + 1:,}, not counting the header.",
                _OWN_ID,
            )
    return without


def _require_distinct(ids: pa.StringArray) -> None:
    counts = pc.value_counts(ids)
    if len(counts) < len(ids):
        repeated = next(item["values"].as_py() for item in counts if item["counts"].as_py() > 1)
        raise QuarantinedFile(
            "record_id_repeated", f"Column record_id holds {repeated[:50]!r} more than once.", _OWN_ID
        )


_OWN_ID = "Give every row its own record_id, or remove the column: rows are then numbered."


def _raw(header: HeaderMap, columns: Columns, size: int) -> dict[str, pa.StringArray]:
    fields = header.fields
    raw = {
        name: _first([columns(number) for source in sources for number in fields.get(source, ())], size)
        for name, sources in _PLAIN_FIELDS.items()
    }
    raw["name"] = _name(header, columns, size)
    countries = [columns(n) for place in header.places for n in place.get("country", ())]
    country = _first(countries, size) if countries else None
    phones = [with_trunk_zero(columns(number), country) for number in fields.get("phone", ())]
    raw["phone"], raw["phone_2"] = _first_two(phones, size)
    raw["contact"] = _contact(fields, columns, size)
    for name, part in _PLACE_FIELDS.items():
        raw[name] = _first([columns(n) for place in header.places for n in place.get(part, ())], size)
    streets = [
        columns(n) for place in header.places for n in (*place.get("street", ()), *place.get("whole", ()))
    ]
    more = [columns(n) for place in header.places[:1] for n in place.get("street_2", ())]
    street = _first(streets, size)
    raw["street"] = pc.binary_join_element_wise(street, more[0], ", ") if more else street
    return raw


def _name(header: HeaderMap, columns: Columns, size: int) -> pa.StringArray:
    """The name a firm trades under, after its other one where a row has two: ``Quill LLC dba Oak Ltd``."""
    kinds: dict[str, list[pa.StringArray]] = {"trading": [], "own": [], "legal": []}
    for number in header.fields.get("company_name", ()):
        key = compact(header.names[number])
        kind = "trading" if key in TRADING_NAMES else "legal" if key in LEGAL_NAMES else "own"
        kinds[kind].append(columns(number))
    names = [_first(found, size) for found in kinds.values() if found]
    name = _first(names, size)
    if len(names) < 2:
        return name
    other = _first(names[:0:-1], size)
    blank = [pc.equal(pc.utf8_trim_whitespace(cells), "") for cells in (names[0], other)]
    joined = pc.binary_join_element_wise(other, name, " dba ")
    return pc.if_else(pc.or_(*blank), name, joined)


def _first(found: Sequence[pa.StringArray], size: int) -> pa.StringArray:
    """Per row the first cell that is not blank."""
    result = found[0] if found else pa.array([""] * size, pa.string())
    for column in found[1:]:
        result = pc.if_else(pc.equal(pc.utf8_trim_whitespace(result), ""), column, result)
    return result


def _first_two(found: Sequence[pa.StringArray], size: int) -> tuple[pa.StringArray, pa.StringArray]:
    first, second = _first(found[:1], size), _first([], size)
    for column in found[1:]:
        missing = pc.equal(pc.utf8_trim_whitespace(first), "")
        second = pc.if_else(pc.or_(missing, pc.not_equal(second, "")), second, column)
        first = pc.if_else(missing, column, first)
    return first, second


def _contact(fields: Mapping[str, Sequence[int]], columns: Columns, size: int) -> pa.StringArray:
    full = [columns(number) for number in fields.get("contact_name", ())]
    parts = [
        _first([columns(n) for n in fields.get(name, ())], size)
        for name in ("contact_first_name", "contact_last_name")
    ]
    return _first([*full, pc.utf8_trim_whitespace(pc.binary_join_element_wise(*parts, " "))], size)


def write_decisions(parts: Iterable[pa.Table], path: Path) -> None:
    """Write the parts of a table, of which there is one at least, as Parquet or CSV; whole or not at all.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.part")
    several = iter(parts)
    first = next(several)
    try:
        with _writer(unfinished, path.suffix.lower(), first.schema) as writer:
            for part in chain([first], several):
                writer.write_table(part)
        unfinished.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _writer(path: Path, extension: str, schema: pa.Schema) -> Any:
    if extension in PARQUET:
        return pq.ParquetWriter(path, schema)
    return pa_csv.CSVWriter(path, schema, write_options=pa_csv.WriteOptions(quoting_style="needed"))


def require_writable(path: Path, sources: Iterable[Path]) -> None:
    """Refuse a path for decisions before the work rather than after it.

    Raises:
        ConfigurationError: the extension is neither CSV nor Parquet; see also ``require_place``.
    """
    if path.suffix.lower() not in (*PARQUET, ".csv"):
        raise ConfigurationError(
            f"{path}: not a CSV or Parquet file. Give --out a name that ends in .csv or .parquet."
        )
    require_place(path, sources)


def require_place(path: Path, sources: Iterable[Path]) -> None:
    """Refuse an output path before the work rather than after it.

    Raises:
        ConfigurationError: the folder is not there or closed, or the path is a folder or one of ``sources``.
    """
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"{path.parent} is not a folder. Make it first, or give --out another place."
        )
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ConfigurationError(f"{path} cannot be written. Give --out another place.")
    if path.exists() and any(path.samefile(source) for source in sources if source.exists()):
        raise ConfigurationError(f"{path} is read, and would be lost. Give --out another name.")
