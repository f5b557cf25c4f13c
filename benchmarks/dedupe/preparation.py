"""The matcher's own preparation as a plain table, so that a yardstick starts from the same values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sales_agent_dagster.matching.columns import RAW_FIELDS, normalise_columns
from sales_agent_dagster.matching.facts import Facts

if TYPE_CHECKING:
    import pandas as pd

    from sales_agent_dagster.matching.table import Column

SHARED_FROM = 4
"""Different firms or places on one phone or host from which it identifies nobody."""
_PLAIN = ("email", "linkedin", "street_no", "street", "city", "state", "zip5", "contact")


def prepare(leads: pa.Table) -> pd.DataFrame:
    """One row per lead: ``unique_id`` (row number) and the matcher's normalised values, None where unknown.

    Hosts and phones that many firms share are None: they say nothing about identity.
    """
    import pandas as pd

    table = normalise_columns(raw_columns(leads))
    facts = Facts(table, table.size)
    frame = pd.DataFrame({"unique_id": np.arange(table.size)})
    for name in _PLAIN:
        frame[name] = _texts(table[name], table[name].codes)
    core = table.core_values
    frame["name"] = _texts(core, table.core)
    in_order = np.array(
        [" ".join(sorted(text.split())) or None for text in core.values.to_pylist()], dtype=object
    )
    frame["words"] = in_order[table.core]
    phones, size = facts.phones, table.size
    codes = phones.codes[:size]
    frame["phone"] = _texts(phones, np.where(facts.phone_spread[codes] >= SHARED_FROM, 0, codes))
    codes = facts.web.codes
    frame["host"] = _texts(facts.web, np.where(facts.web_spread[codes] >= SHARED_FROM, 0, codes))
    street = frame["street_no"].fillna("") + " " + frame["street"].fillna("")
    frame["street"] = street.where(frame["street"].notna(), None)
    return frame.drop(columns="street_no")


def raw_columns(leads: pa.Table) -> dict[str, pa.StringArray]:
    """The columns of a list as the matcher takes them."""
    return {name: _strings(leads[name]) for name in RAW_FIELDS if name in leads.column_names}


def _strings(values: pa.ChunkedArray) -> pa.StringArray:
    combined = values.fill_null("").combine_chunks()
    return combined if isinstance(combined, pa.StringArray) else pa.concat_arrays(combined.chunks)


def _texts(column: Column, codes: np.ndarray) -> np.ndarray:
    values = np.array([text or None for text in column.values.to_pylist()], dtype=object)
    return values[codes]
