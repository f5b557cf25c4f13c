"""Made-up leads for tests."""

from __future__ import annotations

from sales_agent_dagster.matching.dedupe import Deduped
from sales_agent_dagster.matching.lead import NormLead, RawLead
from sales_agent_dagster.matching.normalise import normalise

BASE = {
    "name": "Quillfeather Electric LLC",
    "phone": "(312) 555-0142",
    "website": "https://quillfeather.example/",
    "email": "ada@quillfeather.example",
    "contact": "Ada Quill",
    "street": "12 Oak Street",
    "city": "Springfield",
    "state": "IL",
    "zip": "62701",
}


def lead(lead_id: str = "L1", **changes: str) -> NormLead:
    """A complete lead with some cells changed."""
    return normalise(RawLead(lead_id, **(BASE | changes)))


def bare(lead_id: str = "L1", **cells: str) -> NormLead:
    """A lead with these cells alone."""
    return normalise(RawLead(lead_id, **cells))


def told_of(done: Deduped) -> list[str | None]:
    """The sentence of every row."""
    return [sentence for part in done.explanations() for sentence in part.to_pylist()]
