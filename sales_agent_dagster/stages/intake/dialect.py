"""Which character separates the cells, and whether the text is a table at all."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from sales_agent_dagster.domain.errors import QuarantinedFile

DELIMITERS = (",", ";", "\t", "|")
"""Tried in this order; the first wins a tie."""

_EXCEL_HINT = re.compile(r'"?sep=([^"\w\s]|\t)"?[\r\n]*', re.IGNORECASE)
_MARKUP = re.compile(r"\s*<[!?a-z/]", re.IGNORECASE)
_JSON = re.compile(r'\s*[\[{]\s*(["{\[\]}]|$)')


def excel_hint(line: str) -> str | None:
    """The delimiter that Excel's first line ``sep=;`` names, or None when it is no such line."""
    match = _EXCEL_HINT.fullmatch(line)
    return match.group(1) if match else None


def refuse_other_text(line: str) -> None:
    """Refuse markup and JSON by the first line of text.

    Raises:
        QuarantinedFile: ``not_csv``.
    """
    for pattern, kind in ((_MARKUP, "HTML or XML"), (_JSON, "JSON")):
        if pattern.match(line):
            raise QuarantinedFile(
                "not_csv", f"This is {kind}, not CSV.", "Export the list as CSV, with a header row."
            )


def choose_delimiter(lines: Sequence[str], *, complete: bool) -> str:
    """The delimiter that cuts the lines into the most and the most even columns.

    The header counts most, because separators that occur inside cells seldom occur in column names:
    score = (columns of the header - 1) x (0.1 + share of the other records with as many columns).

    Args:
        lines: the first lines of the file, from the header on, with their line ends.
        complete: False when the file goes on after them; the last record may then be cut and is left out.
    """
    return max(DELIMITERS, key=lambda delimiter: _score(lines, delimiter, complete))


def evenness(records: Sequence[Sequence[str]]) -> float:
    """Share of the records after the first that have as many cells as the first; 1 when there are none."""
    if len(records) < 2:
        return 1.0
    width = len(records[0])
    return sum(len(record) == width for record in records[1:]) / (len(records) - 1)


def sample_records(lines: Sequence[str], delimiter: str, *, complete: bool) -> list[list[str]]:
    """The non-blank records of the lines, without the last one when it may be cut."""
    records: list[list[str]] = []
    try:
        records.extend(cells for cells in csv.reader(lines, delimiter=delimiter) if any(cells))
    except csv.Error:
        return records
    return records if complete or len(records) < 2 else records[:-1]


def _score(lines: Sequence[str], delimiter: str, complete: bool) -> float:
    records = sample_records(lines, delimiter, complete=complete)
    if not records:
        return 0.0
    return (len(records[0]) - 1) * (0.1 + evenness(records))
