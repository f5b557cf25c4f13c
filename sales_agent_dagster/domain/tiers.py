"""The one tier vocabulary."""

from __future__ import annotations

from enum import StrEnum


class Tier(StrEnum):
    """ICP tier, best first. The thresholds are the profile's (``Profile.icp.tiers``)."""

    PLATINUM = "PLATINUM"
    GOLD = "GOLD"
    SILVER = "SILVER"
    BRONZE = "BRONZE"
    UNQUALIFIED = "UNQUALIFIED"

    @property
    def rank(self) -> int:
        """0 for the best tier, 4 for UNQUALIFIED."""
        return list(Tier).index(self)

    def reaches(self, line: Tier) -> bool:
        """True when this tier is at or above ``line``."""
        return self.rank <= line.rank
