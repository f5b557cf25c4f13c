"""Puts the figures of a payload into words, by their ids."""

from __future__ import annotations

from typing import Any


def narrate(payload: dict[str, Any], system: str) -> dict[str, Any]:
    figures = {name: value for name, value in payload["figures"].items() if value is not None}
    names = list(figures)
    if {"territory", "territory_leads"} <= figures.keys():
        summary = "One of [territory_leads] companies in [territory]."
    else:
        summary = f"Stands at [{names[0]}]."
    gap = next((name for name in names if "gap" in name), names[-1])
    return {
        "summary": summary,
        "plays": [
            {
                "play": "ask_about_capability" if "gap" in gap else "reference_account",
                "figure": gap,
                "text": f"Ask how they see [{gap}] themselves.",
            }
        ],
    }
