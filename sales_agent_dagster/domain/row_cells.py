"""Cells of a row, and what every step that reads them shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sales_agent_dagster.domain.values.text import MISSING, one_line

Cells = Sequence[str]
Row = dict[str, Any]
Columns = tuple[int, ...]
"""Columns of a field, in the order in which they are tried."""
Fields = Mapping[str, Columns]
Step = Callable[[Cells, Row, list[str]], None]

MAX_TEXT = 255
"""Characters kept of one-line text."""


def first_of(cells: Cells, columns: Columns) -> str:
    """The first cell that holds a value; empty when none does."""
    for column in columns:
        text = cells[column]
        if text and text.casefold() not in MISSING:
            return text
    return ""


def cut(text: str, limit: int, repairs: list[str]) -> str:
    """The text within ``limit`` characters, without white space at the end."""
    if len(text) <= limit:
        return text
    repairs.append("text_cut")
    return text[:limit].rstrip()


def line(text: str, limit: int, repairs: list[str]) -> str:
    """The text on one line, within ``limit`` characters."""
    return cut(one_line(text) if "  " in text or "\n" in text else text, limit, repairs)
