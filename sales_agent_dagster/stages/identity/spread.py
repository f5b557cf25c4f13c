"""How many different firms or places hold a value, over the leads at hand."""

from __future__ import annotations

from sales_agent_dagster.matching.counts import Value
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.table import LeadTable

SHARED_FROM = 4
"""Different firms or places from which a value is listed as shared: fewer may be branches or mistakes."""


def spreads_of(table: LeadTable) -> dict[Value, int]:
    """How many different firms or places hold each name, phone, host and e-mail; see ``Facts``."""
    facts = Facts(table, table.size)
    columns = {
        "name": (facts.table.core_values, facts.name_spread),
        "phone": (facts.phones, facts.phone_spread),
        "host": (facts.table["host"], facts.host_spread),
        "email": (facts.table["email"], facts.email_spread),
    }
    return {
        (kind, value): spread
        for kind, (column, figures) in columns.items()
        for value, spread in zip(column.values.to_pylist(), figures.tolist(), strict=True)
        if value
    }
