"""One row of a lead file into the columns of ``imported_leads``: every cell read, repaired and flagged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

from sales_agent_dagster.domain.headers import HeaderMap
from sales_agent_dagster.domain.row_cells import MAX_TEXT, Cells, Row, cut, first_of
from sales_agent_dagster.domain.row_steps import steps_of, use_website
from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_shared_host
from sales_agent_dagster.domain.values.name import clean_company, is_junk, name_of_domain
from sales_agent_dagster.domain.values.text import MAX_CELL, clean_cell, one_line, undo_mojibake
from sales_agent_dagster.domain.values.web import registrable_domain

LEAD_COLUMNS = (
    *("company_name", "legal_suffix", "contact_name", "contact_first_name", "contact_last_name"),
    *("contact_title", "email", "phone", "phone_ext", "phone_2", "phone_kind", "website", "website_host"),
    *("domain", "linkedin_url", "street", "city", "state", "zip", "zip4", "country", "industry"),
    *("company_size", "employee_count", "annual_revenue", "rating", "review_count", "oems", "oem_count"),
    *("dealer_tier", "capabilities", "source_icp_score", "source_icp_tier", "source_resimercial"),
    *("source_multi_oem", "source_mep_r", "source_o_and_m", "do_not_contact", "existing_customer"),
    *("external_id", "notes", "repairs", "raw", "extra"),
)
"""Columns of ``imported_leads`` that a row gives; every row that is read has all of them."""

_EMPTY_ROW: Row = dict.fromkeys(LEAD_COLUMNS) | {
    "oem_count": 0,
    "do_not_contact": False,
    "existing_customer": False,
}


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
    """Reads the rows of one file: made once per file, its ``read`` is called per row.

    Args:
        header: the file's columns.
    """

    def __init__(self, header: HeaderMap) -> None:
        self._names = header.names
        self._width = len(header.names)
        self._extra_names = [name for name in header.names if header.columns[name] is None]
        self._name_columns = header.fields.get("company_name", ())
        self._name_headers = frozenset(header.names[column] for column in self._name_columns)
        self._steps = steps_of(header)

    def read(self, cells: Sequence[str]) -> Row | RowFault:
        """The row's columns (``LEAD_COLUMNS``), or why the row is unusable. Never raises."""
        repairs: list[str] = []
        if len(cells) != self._width:
            surplus = next((cell for cell in cells[self._width :] if cell.strip()), None)
            if surplus is not None:
                return self._too_many(cells, surplus)
            cells = self._fitted(cells, repairs)
        given, cells = _cleaned(cells, repairs)
        row = _EMPTY_ROW.copy()
        for columns, step in self._steps:
            for column in columns:
                if cells[column]:
                    step(cells, row, repairs)
                    break
        fault = self._read_name(cells, row, repairs)
        if fault:
            return fault
        filled = dict(compress(zip(self._names, given, strict=True), given))
        if self._extra_names:
            row["extra"] = {name: filled.pop(name) for name in self._extra_names if name in filled} or None
        row["raw"] = filled
        if repairs:
            row["repairs"] = ", ".join(dict.fromkeys(repairs))
        return row

    def raw_cells(self, cells: Sequence[str]) -> dict[str, str]:
        """Header to cell of a whole row, for rows that are rejected; empty cells left out."""
        names = [*self._names, *(f"column {number}" for number in range(self._width + 1, len(cells) + 1))]
        cleaned = {name: clean_cell(cell)[:MAX_CELL] for name, cell in zip(names, cells, strict=False)}
        return {name: cell for name, cell in cleaned.items() if cell}

    def _fitted(self, cells: Cells, repairs: list[str]) -> Cells:
        missing = self._width - len(cells)
        repairs.append("row_padded" if missing > 0 else "row_trimmed")
        return [*cells, *[""] * missing] if missing > 0 else cells[: self._width]

    def _too_many(self, cells: Cells, surplus: str) -> RowFault:
        return RowFault(
            "row",
            clean_cell(surplus)[:500],
            "too_many_cells",
            f"The row has {len(cells)} cells and the header {self._width}: it is unclear which is which.",
            "Put cells that contain the separator in quotes, or add the missing column names.",
        )

    def _read_name(self, cells: Cells, row: Row, repairs: list[str]) -> RowFault | None:
        text = first_of(cells, self._name_columns)
        if "@" in text or "://" in text:
            use_website(text, row, repairs)
            text = ""
        if not text:
            text = _name_from_domain(row)
            if not text:
                return _NO_NAME
            repairs.append("name_from_domain")
        elif text in self._name_headers:
            return _fault(
                "header_repeated", text, "The row repeats the header.", "Remove the repeated header row."
            )
        if "\n" in text:
            text = one_line(text)
        if is_junk(text):
            return _fault(
                "name_junk",
                text,
                "The company name is a button, a consent dialog, a table word or has no letters.",
                "Put the company's name there, or remove the row.",
            )
        name = clean_company(cut(text, MAX_TEXT, repairs))
        row["company_name"], row["legal_suffix"], found = name
        repairs.extend(found)
        return None


def _fault(reason_code: str, value: str | None, reason: str, remedy: str) -> RowFault:
    return RowFault("company_name", value[:500] if value else None, reason_code, reason, remedy)


_NO_NAME = _fault(
    "name_missing",
    None,
    "There is no company name, and no website or e-mail domain of its own to make one from.",
    "Add the company's name.",
)


def _cleaned(cells: Cells, repairs: list[str]) -> tuple[Cells, Cells]:
    """The cells as they are kept in ``raw``, and as they are read."""
    joined = "".join(cells)
    if joined.isascii() and joined.isprintable() and len(joined) <= MAX_CELL:
        return cells, list(map(str.strip, cells))
    given = [clean_cell(cell) for cell in cells]
    if any(len(cell) > MAX_CELL for cell in given):
        given = [cell[:MAX_CELL].rstrip() for cell in given]
        repairs.append("text_cut")
    decoded = [undo_mojibake(cell) for cell in given]
    if decoded != given:
        repairs.append("text_decoded")
    return given, decoded


def _name_from_domain(row: Row) -> str:
    """A name from the row's own website or e-mail domain; empty when both are shared or missing."""
    if row["domain"] and not is_shared_host(row["website_host"]):
        return name_of_domain(row["domain"])
    host = row["email"].rpartition("@")[2] if row["email"] else ""
    domain = registrable_domain(host) if host else None
    if domain is None or is_free_mail(host) or is_shared_host(host):
        return ""
    return name_of_domain(domain)
