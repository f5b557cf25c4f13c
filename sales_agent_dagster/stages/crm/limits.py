"""How much one sync may write. What is over a limit stays due, and the report card says how much and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sales_agent_dagster.settings import CrmSettings
from sales_agent_dagster.stages.crm.planning import Planned, Step
from sales_agent_dagster.stages.crm.stored import SNAPSHOTS

_WORDS = {
    "max_creates": "companies and contacts to create",
    "max_updates": "companies and contacts to update",
    "max_activities": "notes and drafts to create",
}


class Limits:
    """Counts what one sync sends against ``max_creates``, ``max_updates`` and ``max_activities``."""

    def __init__(self, settings: CrmSettings) -> None:
        self._left = {name: int(getattr(settings, name)) for name in _WORDS}
        self._most = dict(self._left)
        self._over: Counter[str] = Counter()

    def within(self, group: Sequence[Planned]) -> list[Planned]:
        """Those that may be sent; they count as sent."""
        kept = []
        for planned in group:
            name = _limit_of(planned)
            if self._left[name] > 0:
                self._left[name] -= 1
                kept.append(planned)
            else:
                self._over[name] += 1
        return kept

    def words(self) -> str | None:
        """What was left out; None when nothing was."""
        if not self._over:
            return None
        told = [
            f"{number:,} {_WORDS[name]} (limit {self._most[name]:,}, SALES_AGENT_CRM__{name.upper()})"
            for name, number in self._over.items()
        ]
        return f"The limit of a sync is reached: {'; '.join(told)} stay due."


def _limit_of(planned: Planned) -> str:
    if planned.kind not in SNAPSHOTS:
        return "max_activities"
    return "max_creates" if planned.step is Step.CREATE else "max_updates"
