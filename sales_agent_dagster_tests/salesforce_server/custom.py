"""The custom fields of the sync, as somebody creates them who follows its instructions."""

from __future__ import annotations

from sales_agent_dagster.crm.salesforce.layout import Custom, Layout
from sales_agent_dagster_tests.salesforce_server.org import Org
from sales_agent_dagster_tests.salesforce_server.schema import Field

_KINDS = {"Number": "double", "Date/Time": "datetime", "URL": "url", "Text Area (Long)": "textarea"}


def add_custom_fields(org: Org, layout: Layout, *but: str) -> None:
    """All fields ``but`` for some columns."""
    for custom in layout.customs:
        if custom.column not in but:
            org.add_field(custom.sobject, field_of(custom))


def field_of(custom: Custom) -> Field:
    """The field that ``Custom.setup`` describes."""
    kind, *options = custom.setup.split(", ")
    lengths = [int(one.removeprefix("length ")) for one in options if one.startswith("length ")]
    return Field(
        custom.column,
        _KINDS.get(kind, "string"),
        lengths[0] if lengths and kind.startswith("Text") else 255,
        external_id="External ID" in options,
        unique=any(one.startswith("Unique") for one in options),
    )
