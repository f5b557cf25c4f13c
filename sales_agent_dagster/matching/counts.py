"""How many leads hold a value, and how many different firms or places do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sales_agent_dagster.matching.lead import NormLead

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


def address_value(number: str, street: str, state: str, zip5: str) -> str:
    """The address that co-tenants share."""
    return f"{number}|{street}|{zip5[:3] or state}"


def city_value(city: str, state: str) -> str:
    """The city, told from its namesakes."""
    return f"{city}|{state}"
