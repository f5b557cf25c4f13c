"""Normalising whole tables: every distinct cell once, in two processes when there are many.

Gives what ``normalise`` gives row by row; the tests compare them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sales_agent_dagster.matching.address_keys import read_city, read_state, read_street, read_zip
from sales_agent_dagster.matching.garbage import without_collecting
from sales_agent_dagster.matching.lead import NORM_FIELDS, RawLead
from sales_agent_dagster.matching.name_words import read_name
from sales_agent_dagster.matching.normalise import (
    is_email_odd,
    is_linkedin_odd,
    is_phone_odd,
    is_place_odd,
    is_state_odd,
    is_street_odd,
    is_website_odd,
    rearranged,
)
from sales_agent_dagster.matching.plain_columns import Read, plain_names, plain_streets
from sales_agent_dagster.matching.table import Column, LeadTable, coded, stacked
from sales_agent_dagster.matching.web_keys import (
    read_linkedin,
    read_mail,
    read_person,
    read_phone,
    read_site,
)

RAW_FIELDS: tuple[str, ...] = RawLead._fields[1:]
PARALLEL_FROM = 200_000
"""Rows from which starting further processes pays."""

AT_ONCE = 50_000
"""Distinct values read at a time."""

_ODD: dict[str, Callable[[str], bool]] = {
    "website": is_website_odd,
    "email": is_email_odd,
    "phone": is_phone_odd,
    "linkedin": is_linkedin_odd,
    "city": is_place_odd,
    "state": is_state_odd,
    "street": is_street_odd,
}
RawColumns = dict[str, pa.StringArray]


def normalise_columns(raw: RawColumns, *, processes: int = 2, emptying: bool = False) -> LeadTable:
    """The normalised table of raw columns.

    Args:
        raw: field of ``RawLead`` to its cells, all of one length; fields that are not there are unknown.
        processes: how many may work at a time; small tables never use more than one.
        emptying: leave nothing in ``raw``: a million rows' cells are hundreds of megabytes.
    """
    size = max(map(len, raw.values()), default=0)
    if size < PARALLEL_FROM or processes < 2:
        columns = _normalised(raw)
        if emptying:
            raw.clear()
        return LeadTable(columns)
    names, parts = list(raw), _serialized(raw, processes)
    if emptying:
        raw.clear()
        pa.default_memory_pool().release_unused()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_normalised_part, part, names) for part in parts]
        del parts
        done = [future.result() for future in waiting]
    return LeadTable({name: stacked([part.pop(name) for part in done]) for name in NORM_FIELDS})


def _serialized(raw: RawColumns, parts: int) -> list[bytes]:
    """Rows in equal parts, as batches: a slice of an array would be sent with all the rows around it."""
    batch = pa.record_batch(raw)
    step = -(-batch.num_rows // parts)
    return [batch.slice(low, step).serialize().to_pybytes() for low in range(0, batch.num_rows, step)]


def _normalised_part(serialized: bytes, names: Sequence[str]) -> dict[str, Column]:
    schema = pa.schema([(name, pa.string()) for name in names])
    return _normalised(dict(zip(names, pa.ipc.read_record_batch(serialized, schema).columns, strict=True)))


@without_collecting()
def _normalised(raw: RawColumns) -> dict[str, Column]:
    size = max(map(len, raw.values()), default=0)
    empty = pa.array([""] * size, pa.string())
    given = {name: Column.of(raw.get(name, empty)) for name in RAW_FIELDS}
    given = _rearranged(given)
    name = _mostly_plain(given.pop("name"), plain_names, read_name)
    phone = _several(given.pop("phone"), read_phone, 2)
    other = _one(given.pop("phone_2"), lambda text: read_phone(text)[0])
    site = _several(given.pop("website"), read_site, 2)
    mail = _several(given.pop("email"), read_mail, 2)
    street = _mostly_plain(given.pop("street"), plain_streets, read_street)
    first, second = _phones(phone[0], phone[1], other)
    values = [
        *name, first, second, _first_known(site[0], mail[1]), site[1], mail[0],
        _one(given.pop("linkedin"), read_linkedin), _one(given.pop("contact"), read_person), *street,
        _one(given.pop("city"), read_city), _one(given.pop("state"), read_state),
        _one(given.pop("zip"), read_zip),
    ]  # fmt: skip
    return dict(zip(NORM_FIELDS, values, strict=True))


def _one(column: Column, read: Callable[[str], str]) -> Column:
    return _several(column, lambda text: (read(text),), 1)[0]


def _several(column: Column, read: Callable[[str], Iterable[str]], count: int) -> list[Column]:
    def texts(values: pa.StringArray) -> list[pa.StringArray]:
        rows = [read(text) if text else ("",) * count for text in values.to_pylist()]
        return [pa.array(part, pa.string()) for part in zip(*rows, strict=True)]

    return _in_parts(column, texts)


def _mostly_plain(
    column: Column, plain: Callable[[pa.StringArray], Read], read: Callable[[str], Sequence[str]]
) -> list[Column]:
    """Columns of what ``plain`` reads together, and ``read`` one by one where it does not."""

    def texts(values: pa.StringArray) -> list[pa.StringArray]:
        chosen, parts = plain(values)
        rest = [read(text) for text in values.filter(pa.array(~chosen)).to_pylist()]
        others = zip(*rest, strict=True) if rest else [[] for _ in parts]
        places = np.empty(len(chosen), np.int64)
        places[np.append(np.flatnonzero(chosen), np.flatnonzero(~chosen))] = np.arange(len(chosen))
        return [
            pa.concat_arrays([part, pa.array(other, pa.string())]).take(pa.array(places))
            for part, other in zip(parts, others, strict=True)
        ]

    return _in_parts(column, texts)


def _in_parts(column: Column, read: Callable[[pa.StringArray], list[pa.StringArray]]) -> list[Column]:
    """Columns of what ``read`` makes of the distinct values, some at a time: bounds memory."""
    starts = range(0, len(column.values), AT_ONCE)
    parts = [read(column.values.slice(low, AT_ONCE)) for low in starts]
    return [coded(column.codes, pa.concat_arrays(texts)) for texts in zip(*parts, strict=True)]


def _first_known(*columns: Column) -> Column:
    """Per row the first value that is known."""
    stack = stacked(columns)
    first, *others = stack.codes.reshape(len(columns), -1)
    for codes in others:
        first = np.where(first > 0, first, codes)
    return Column(first, stack.values)


def _phones(first: Column, second: Column, other: Column) -> tuple[Column, Column]:
    """The main number and another one, as ``normalise`` chooses them."""
    stack = stacked([first, second, other])
    a, b, c = stack.codes.reshape(3, -1)
    main = np.where(a > 0, a, c)
    rest = np.where(b > 0, b, np.where((a > 0) & (a != c), c, 0))
    return Column(main, stack.values), Column(rest, stack.values)


def _rearranged(given: dict[str, Column]) -> dict[str, Column]:
    """Rows with a cell that looks misplaced go through ``rearranged`` one by one."""
    odd = np.zeros(len(given["name"].codes), bool)
    for name, test in _ODD.items():
        column = given[name]
        odd |= np.array([test(text) for text in column.values.to_pylist()], bool)[column.codes]
    rows = np.flatnonzero(odd)
    if not len(rows):
        return given
    before = [given[name].values.take(pa.array(given[name].codes[rows])).to_pylist() for name in RAW_FIELDS]
    after = [rearranged(RawLead("", *cells)) for cells in zip(*before, strict=True)]
    changed = dict(given)
    for name, old, new in zip(RAW_FIELDS, before, list(zip(*after, strict=True))[1:], strict=True):
        if list(new) != old:
            changed[name] = _with_rows(given[name], rows, new)
    return changed


def _with_rows(column: Column, rows: NDArray[Any], texts: Sequence[str]) -> Column:
    codes = column.codes.copy()
    codes[rows] = np.arange(len(rows), dtype=np.int32) + len(column.values)
    return coded(codes, pa.concat_arrays([column.values, pa.array(texts, pa.string())]))
