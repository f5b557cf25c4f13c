"""Which column of a file is which field."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from sales_agent_dagster.domain.errors import QuarantinedFile
from sales_agent_dagster.domain.header_aliases import (
    ALIASES,
    CAPABILITIES,
    KNOWN_NAMES,
    NOT_MEANT,
    OPT_OUT_PREFIX,
    OWN_MEANING,
    PLACE_ALIASES,
    PLACES,
    compact,
    known_format,
)
from sales_agent_dagster.domain.values.text import clean_cell, one_line

MAX_HEADER = 200
MAX_COLUMNS = 2000

# What stands in a row of data but never in a header: an address, a URL, a phone number, a bare number.
_DATA = re.compile(
    r"\S+@\S+\.\w+|https?://\S+|www\.\S+|\+?1?[\s.-]*\(?\d{3}\)?[\s./-]*\d{3}[\s.-]*\d{4}|[$-]?\d[\d,.]*%?",
    re.IGNORECASE,
)
_NAME_SOURCES = ("company_name", "website", "domain", "email")
_SUGGESTION_SCORE = 60
"""``fuzz.ratio`` from which a known name is near enough to be suggested."""


@dataclass(frozen=True)
class HeaderMap:
    """Columns of a file by field. Column numbers count from 0.

    Attributes:
        names: the headers, cleaned; unnamed and repeated ones made distinct.
        fields: field to its columns, in the order in which they are tried.
        places: address columns by part (street, whole, city, ...), one mapping per address, in the order in
            which they are tried.
        capabilities: column to capability, for has_ and is_ flags.
        format: which known layout it looks like; ``generic`` when none.
    """

    names: tuple[str, ...]
    fields: Mapping[str, tuple[int, ...]]
    places: tuple[Mapping[str, tuple[int, ...]], ...]
    capabilities: Mapping[int, str]
    format: str
    columns: Mapping[str, str | None] = field(init=False)
    """Header to field; None for columns that are kept as they are."""

    def __post_init__(self) -> None:
        meaning: dict[int, str] = dict(self.capabilities)
        for mapping in (self.fields, *self.places):
            meaning |= {column: name for name, columns in mapping.items() for column in columns}
        named = {name: meaning.get(column) for column, name in enumerate(self.names)}
        object.__setattr__(self, "columns", named)


def map_header(cells: Sequence[str]) -> HeaderMap:
    """Find the field of every column.

    Case, spaces, underscores, hyphens, quotes and a byte order mark do not matter. Of several columns for one
    field, such as Phone and Telephone, each row's first filled one is read; ``raw`` keeps them all.

    Raises:
        QuarantinedFile: ``header_missing`` (the first row is data), ``header_unknown`` (nothing a company
            name could come from; the nearest known names are suggested), ``header_ambiguous`` (one name
            on two columns that are read), ``header_too_wide``.
    """
    names = [one_line(clean_cell(cell)).strip("\"'\ufeff")[:MAX_HEADER] for cell in cells]
    _refuse_data(names)
    keys = [compact(name) for name in names]
    layout = known_format(frozenset(keys))
    found = _Columns(names, keys, layout)
    if not any(source in found.ranks for source in _NAME_SOURCES):
        raise _unknown(names)
    return HeaderMap(_distinct(names), found.fields(), found.addresses(), found.capabilities, layout)


class _Columns:
    """Columns sorted by what they mean."""

    def __init__(self, names: list[str], keys: list[str], layout: str) -> None:
        self.names = names
        self.ranks: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        self.places: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        self.capabilities: dict[int, str] = {}
        ignored = NOT_MEANT.get(layout, frozenset())
        for column, (name, key) in enumerate(zip(names, keys, strict=True)):
            if name in OWN_MEANING or key in ignored:
                continue
            self._sort(column, key)
        self._sort_plain_name([column for column, key in enumerate(keys) if key == "name"])

    def _sort(self, column: int, key: str) -> None:
        if key in ALIASES:
            name, rank = ALIASES[key]
            self.ranks[name][rank].append(column)
        elif key in PLACE_ALIASES:
            prefix, part = PLACE_ALIASES[key]
            self.places[prefix][part].append(column)
        elif key in CAPABILITIES:
            self.capabilities[column] = CAPABILITIES[key]
        elif key.startswith(OPT_OUT_PREFIX):
            self.ranks["do_not_contact"][0].append(column)

    def _sort_plain_name(self, columns: list[int]) -> None:
        """``Name`` is the company's, unless another column is, or the file is about people."""
        if columns:
            personal = 0 in self.ranks.get("company_name", ()) or "contact_last_name" in self.ranks
            self.ranks["contact_name" if personal else "company_name"][0].extend(columns)

    def fields(self) -> dict[str, tuple[int, ...]]:
        """Field to columns, by rank and place in the file. Raises QuarantinedFile on a repeated header."""
        for name, ranks in self.ranks.items():
            for columns in ranks.values():
                self._refuse_repeated(name, columns)
        return {
            name: tuple(column for rank in sorted(ranks) for column in ranks[rank])
            for name, ranks in self.ranks.items()
        }

    def addresses(self) -> tuple[dict[str, tuple[int, ...]], ...]:
        """Address columns in order of preference. Raises QuarantinedFile on a repeated header."""
        for parts in self.places.values():
            for part, columns in parts.items():
                self._refuse_repeated(part, columns)
        return tuple(
            {part: tuple(columns) for part, columns in self.places[prefix].items()}
            for prefix in PLACES
            if prefix in self.places
        )

    def _refuse_repeated(self, name: str, columns: list[int]) -> None:
        by_header: dict[str, list[int]] = defaultdict(list)
        for column in columns:
            by_header[compact(self.names[column])].append(column)
        repeated = max(by_header.values(), key=len)
        if len(repeated) > 1:
            listed = " and ".join(f"'{self.names[column]}' (column {column + 1})" for column in repeated)
            raise QuarantinedFile(
                "header_ambiguous",
                f"Columns {listed} have one name, and it means {name}.",
                "Rename or remove all but one of them.",
            )


def _refuse_data(names: list[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise QuarantinedFile(
            "header_too_wide",
            f"The header has {len(names)} columns; {MAX_COLUMNS} is the limit.",
            "Check the field separator, or export fewer columns.",
        )
    known = sum(compact(name) in KNOWN_NAMES for name in names)
    data = sum(_DATA.fullmatch(name) is not None for name in names)
    if data > known:
        raise QuarantinedFile(
            "header_missing",
            "The first row is data: it holds addresses, phone numbers or figures where column names belong.",
            "Add a first line with column names, such as company_name,company_website,contact_phone.",
        )


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Names for every column: ``column 3`` where there is none, ``Fax (column 7)`` where one repeats."""
    seen: set[str] = set()
    distinct = []
    for number, name in enumerate(names, start=1):
        unique = name or f"column {number}"
        if unique in seen:
            unique = f"{unique} (column {number})"
        seen.add(unique)
        distinct.append(unique)
    return tuple(distinct)


def _unknown(names: list[str]) -> QuarantinedFile:
    given = [name for name in names if name]
    suggestions = []
    for name in given[:20]:
        near = process.extractOne(
            compact(name), KNOWN_NAMES.keys(), scorer=fuzz.ratio, score_cutoff=_SUGGESTION_SCORE
        )
        if near and near[0] != compact(name):
            suggestions.append(f"'{name}' looks like '{KNOWN_NAMES[near[0]]}'")
    listed = ", ".join(f"'{name}'" for name in given[:10]) or "none"
    hint = f" {'; '.join(suggestions[:5])}." if suggestions else ""
    return QuarantinedFile(
        "header_unknown",
        f"No column holds a company name, a website or an e-mail address; the columns are {listed}.{hint}",
        "Rename the column with the company's name to company_name.",
    )
