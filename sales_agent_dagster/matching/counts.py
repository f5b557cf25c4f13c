"""How many leads hold a value, and how many different firms or places do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.matching.arrays import distinct
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.table import LeadTable, stacked

COUNTED = ("name", "token", "phone", "host", "email", "street", "city", "zip", "contact")
"""Kinds of values that are counted."""

Value = tuple[str, str]
"""Kind and value."""


@dataclass(frozen=True, slots=True)
class ValueCounts:
    """What the whole table knows about single values; what it does not know counts as one lead.

    Attributes:
        leads: (kind, value) to the number of leads that hold it.
        spread: (kind, value) of a name, host, phone, email or street to the number of different firms or
            places that hold it; 1 is a value that identifies. Only needed where more leads hold the value
            than are compared at once: what the compared leads show counts anyway.
    """

    leads: Mapping[Value, int] = field(default_factory=dict)
    spread: Mapping[Value, int] = field(default_factory=dict)


def values_of(lead: NormLead) -> list[Value]:
    """The values of a lead that are counted, without repeats."""
    found = [("name", lead.core), ("host", lead.host), ("email", lead.email), ("contact", lead.contact)]
    found += [("phone", lead.phone), ("phone", lead.phone_2), ("zip", lead.zip5)]
    if lead.street:
        found.append(("street", address_value(lead.street_no, lead.street, lead.state, lead.zip5)))
    if lead.city:
        found.append(("city", city_value(lead.city, lead.state)))
    found += [("token", token) for token in lead.core.split()]
    return list(dict.fromkeys((kind, value) for kind, value in found if value))


Held = tuple[str, pa.StringArray, NDArray[np.int64]]
"""Kind, values, and how many leads hold each."""


def held_values(table: LeadTable) -> Iterator[Held]:
    """What ``values_of`` gives for each lead, counted over all leads of a table."""
    for kind, values, leads in _held(table):
        held = np.flatnonzero(leads)
        yield kind, values.take(pa.array(held)), leads[held]


def _held(table: LeadTable) -> Iterator[Held]:
    """The same with values that nobody holds. A column's first value is the empty one, which nobody has."""
    names = table.core_values.values
    in_names = _counts(table.core, names)
    yield "name", names, in_names
    for kind, field_name in (("host", "host"), ("email", "email"), ("contact", "contact"), ("zip", "zip5")):
        column = table[field_name]
        yield kind, column.values, _counts(column.codes, column.values)
    phones = stacked([table["phone"], table["phone_2"]])
    first, second = phones.codes.reshape(2, -1)
    both = np.append(first, second[first != second])
    yield "phone", phones.values, _counts(both, phones.values)
    for kind, make in (("street", address_values), ("city", city_values)):
        texts = make(table, np.flatnonzero(table[kind].codes)).dictionary_encode()
        yield kind, texts.dictionary, np.bincount(texts.indices.to_numpy(), minlength=len(texts.dictionary))
    words = pc.split_pattern(names, " ")
    texts = words.flatten().dictionary_encode()
    pairs = distinct(pc.list_parent_indices(words).to_numpy() << 32 | texts.indices.to_numpy())
    held = np.bincount(pairs & 0xFFFFFFFF, in_names[pairs >> 32], len(texts.dictionary))
    yield "token", texts.dictionary, held.astype(np.int64)


def _counts(codes: NDArray[Any], values: pa.StringArray) -> NDArray[np.int64]:
    found = np.bincount(codes, minlength=len(values))
    found[0] = 0
    return found


def address_value(number: str, street: str, state: str, zip5: str) -> str:
    """The address that co-tenants share."""
    return f"{number}|{street}|{zip5[:3] or state}"


def city_value(city: str, state: str) -> str:
    """The city, told from its namesakes."""
    return f"{city}|{state}"


def address_values(table: LeadTable, rows: NDArray[Any]) -> pa.StringArray:
    """``address_value`` of some rows."""
    number, street, state, zip5 = (
        table[name].texts(rows) for name in ("street_no", "street", "state", "zip5")
    )
    region = pc.if_else(pc.equal(zip5, ""), state, pc.utf8_slice_codeunits(zip5, 0, 3))
    return pc.binary_join_element_wise(number, street, region, "|")


def city_values(table: LeadTable, rows: NDArray[Any]) -> pa.StringArray:
    """``city_value`` of some rows."""
    return pc.binary_join_element_wise(table["city"].texts(rows), table["state"].texts(rows), "|")
