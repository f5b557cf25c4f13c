"""The outcome every stage records for every lead."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """What a stage did with one lead. Anything but ``ok`` carries a reason."""

    OK = "ok"
    SKIPPED = "skipped"
    """A gate stopped it: duplicate, tier below the line, suppressed, or an earlier stage failed."""
    DEGRADED = "degraded"
    """Done, but by a lesser means than asked (the rules instead of the model)."""
    FAILED = "failed"


DONE = frozenset({Status.OK, Status.DEGRADED})
"""Outcomes that later stages can build on."""
