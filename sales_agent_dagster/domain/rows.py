"""One row of a lead file into the columns of ``imported_leads``: every cell read, repaired and flagged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sales_agent_dagster.domain.headers import HeaderMap
from sales_agent_dagster.domain.oems import parse_brands
from sales_agent_dagster.domain.row_numbers import (
    flag_reader,
    number_readers,
    read_sizes,
    status_reader,
)
from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_shared_host
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.domain.values.address import read_address
from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.name import clean_company, is_junk, name_of_domain
from sales_agent_dagster.domain.values.notes import Notes, parse_notes
from sales_agent_dagster.domain.values.number import TRUE_WORDS, without_point_zero
from sales_agent_dagster.domain.values.person import read_person
from sales_agent_dagster.domain.values.phone import read_phones, region_of
from sales_agent_dagster.domain.values.text import MAX_CELL, MISSING, clean_cell, one_line, undo_mojibake
from sales_agent_dagster.domain.values.web import (
    host_without_www,
    is_linkedin,
    read_linkedin,
    read_website,
    registrable_domain,
)

Row = dict[str, Any]
Cells = Sequence[str]
Columns = tuple[int, ...]
"""Columns of a field in the order in which they are tried."""
Step = Callable[[Cells, Row, list[str]], None]

LEAD_COLUMNS = (
    *("company_name", "legal_suffix", "contact_name", "contact_first_name", "contact_last_name", "contact_title"),
    *("email", "phone", "phone_ext", "phone_2", "phone_kind", "website", "website_host", "domain"),
    *("linkedin_url", "street", "city", "state", "zip", "zip4", "country", "industry", "company_size"),
    *("employee_count", "annual_revenue", "rating", "review_count", "oems", "oem_count", "dealer_tier"),
    *("capabilities", "source_icp_score", "source_icp_tier", "source_resimercial", "source_multi_oem"),
    *("source_mep_r", "source_o_and_m", "do_not_contact", "existing_customer", "external_id", "notes"),
    *("repairs", "raw", "extra"),
)
"""Columns of ``imported_leads`` that a row gives; all are in every row that is read."""

MAX_TEXT = 255
"""Characters kept of one-line text."""

_EMPTY_ROW: Row = dict.fromkeys(LEAD_COLUMNS) | {
    "oem_count": 0,
    "do_not_contact": False,
    "existing_customer": False,
}
_TIERS = frozenset(tier.value for tier in Tier)
_PLAIN_TEXT = ("industry", "contact_title", "dealer_tier")
_NO_NOTES = Notes()


@dataclass(frozen=True, slots=True)
class RowFault:
    """Why a row cannot be imported.

    Attributes:
        field: the field at fault.
        value: its raw value, cut to 500 characters; None when there is none.
        reason_code: for programs: name_missing, name_junk, header_repeated or too_many_cells.
        reason: for people.
        remedy: what to do about it.
    """

    field: str
    value: str | None
    reason_code: str
    reason: str
    remedy: str


class RowReader:
    """Reads rows of one file; made once per file, its ``read`` is called per row.

    Args:
        header: the file's columns.
    """

    def __init__(self, header: HeaderMap) -> None:
        self._width = len(header.names)
        self._fields = header.fields
        self._names = header.names
        self._mapped = [
            (column, name) for column, name in enumerate(header.names) if header.columns[name] is not None
        ]
        self._unknown = [
            (column, name) for column, name in enumerate(header.names) if header.columns[name] is None
        ]
        self._name_columns = header.fields.get("company_name", ())
        self._notes_columns = header.fields.get("notes", ())
        self._oem_columns = header.fields.get("oems", ())
        self._steps = _steps(header)

    def read(self, cells: Sequence[str]) -> dict[str, Any] | RowFault:
        """The row's columns (``LEAD_COLUMNS``), or why the row is unusable. Never raises."""
        repairs: list[str] = []
        if len(cells) != self._width:
            fitted = self._fitted(cells, repairs)
            if isinstance(fitted, RowFault):
                return fitted
            cells = fitted
        given = cells
        joined = "".join(cells)
        if not joined.isascii() or not joined.isprintable() or len(joined) > MAX_CELL:
            given = [clean_cell(cell[: MAX_CELL * 2])[:MAX_CELL] for cell in cells]
            cells = _decoded(cells, given, repairs)
        else:
            cells = [cell.strip() for cell in cells]
        row = _EMPTY_ROW.copy()
        for step in self._steps:
            step(cells, row, repairs)
        self._read_oems(cells, row, self._read_notes(cells, row, repairs), repairs)
        fault = self._read_name(cells, row, repairs)
        if fault:
            return fault
        row["raw"] = {name: given[column] for column, name in self._mapped if given[column]}
        if self._unknown:
            row["extra"] = {name: given[column] for column, name in self._unknown if given[column]} or None
        if repairs:
            row["repairs"] = ", ".join(dict.fromkeys(repairs))
        return row

    def raw_cells(self, cells: Sequence[str]) -> dict[str, str]:
        """Header to cell of the whole row, for rows that are rejected; empty cells left out."""
        names = [*self._names, *(f"column {number}" for number in range(self._width + 1, len(cells) + 1))]
        cleaned = {name: clean_cell(cell)[:MAX_CELL] for name, cell in zip(names, cells, strict=False)}
        return {name: cell for name, cell in cleaned.items() if cell}

    def _fitted(self, cells: Sequence[str], repairs: list[str]) -> Sequence[str] | RowFault:
        if len(cells) < self._width:
            repairs.append("row_padded")
            return [*cells, *[""] * (self._width - len(cells))]
        surplus = next((cell for cell in cells[self._width :] if cell.strip()), None)
        if surplus is not None:
            return RowFault(
                "row",
                surplus[:500],
                "too_many_cells",
                f"The row has {len(cells)} cells, the header {self._width}: which cell belongs where is unclear.",
                "Put cells that contain the separator in quotes, or add the missing column names.",
            )
        repairs.append("row_trimmed")
        return cells[: self._width]

    def _read_notes(self, cells: Cells, row: Row, repairs: list[str]) -> Notes:
        text = _first(cells, self._notes_columns)
        notes = parse_notes(text) if text else _NO_NOTES
        row["notes"] = notes.rest
        if notes.score is not None:
            repairs.append("notes_parsed")
            self._add_score(notes, row, repairs)
        stated = _first(cells, self._fields.get("domain", ())) or notes.domain
        if stated:
            _use_domain(stated, row, repairs)
        return notes

    @staticmethod
    def _add_score(notes: Notes, row: Row, repairs: list[str]) -> None:
        score = float(notes.score or 0)
        if row["source_icp_score"] is None and score <= 100:
            row["source_icp_score"] = score
        elif score > 100:
            repairs.append("number_out_of_range")
        row["source_icp_tier"] = row["source_icp_tier"] or notes.tier

    def _read_oems(self, cells: Cells, row: Row, notes: Notes, repairs: list[str]) -> None:
        texts = [cells[column] for column in self._oem_columns if cells[column]]
        if notes.oems:
            texts.append(notes.oems)
        stated = row["oem_count"]
        if texts:
            row["oems"], row["oem_count"] = _brands(", ".join(texts))
            if stated and row["oem_count"] and stated != row["oem_count"]:
                repairs.append("oem_count_disagrees")
            row["oem_count"] = row["oem_count"] or stated

    def _read_name(self, cells: Cells, row: Row, repairs: list[str]) -> RowFault | None:
        text = _first(cells, self._name_columns)
        if "@" in text or "://" in text or text.startswith("www."):
            text = _address_as_name(text, row, repairs)
        if not text:
            text = _name_from_domain(row) or ""
            if not text:
                return _no_name()
            repairs.append("name_from_domain")
        elif text in self._names and self._is_header(cells):
            return _repeated_header(text)
        if is_junk(text):
            return _junk_name(text)
        name = clean_company(_cut(text, MAX_TEXT, repairs))
        row["company_name"] = name.display
        row["legal_suffix"] = name.legal_form
        repairs.extend(name.repairs)
        return None

    def _is_header(self, cells: Cells) -> bool:
        return any(cells[column] == self._names[column] for column in self._name_columns)
