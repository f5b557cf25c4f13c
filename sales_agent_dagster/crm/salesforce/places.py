"""States and countries where an organisation takes them from picklists.

It then has a code beside each text (``StateCode`` beside ``State``), takes texts only as the list spells them
(``Ohio``), and no state without its country.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sales_agent_dagster.domain.us_places import STATES

PLACES = {"state": "State", "country": "Country"}
"""Our fields, and how their columns end."""

_UNITED_STATES = frozenset({"us", "usa", "unitedstates", "unitedstatesofamerica"})


def code_column(column: str) -> str:
    """The column of a text's code."""
    return f"{column}Code"


def coded(columns: Mapping[str, Any], has: Callable[[str], bool], *, creates: bool) -> dict[str, Any]:
    """Columns with codes in place of texts, where there are such columns and we have codes.

    Args:
        columns: to write.
        has: whether the object has a column.
        creates: a state of the United States then brings its country.
    """
    written: dict[str, Any] = {}
    for column, value in columns.items():
        code = _code_of(column, value)
        written |= {code_column(column): code} if code and has(code_column(column)) else {column: value}
    for column in [name for name in written if name.endswith(code_column("State"))]:
        country = column.removesuffix(code_column("State")) + "Country"
        told = country in written or code_column(country) in written
        if creates and not told and written[column] in STATES:
            written[code_column(country)] = "US"
    return written


def _code_of(column: str, value: Any) -> str | None:
    if not isinstance(value, str) or not column.endswith(tuple(PLACES.values())):
        return None
    text = value.strip()
    if column.endswith("Country") and "".join(filter(str.isalpha, text.casefold())) in _UNITED_STATES:
        return "US"
    return text if len(text) == 2 and text.isascii() and text.isupper() else None
