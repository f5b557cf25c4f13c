"""Judges a lead by the facts and the scorecard in its payload."""

from __future__ import annotations

from typing import Any

SEVERAL = 3
"""Brands that make a dealer of several."""


def judge(payload: dict[str, Any], system: str) -> dict[str, Any]:
    facts, values = payload["facts"], _values(payload["scorecard"])
    ratings = []
    brands = [brand for brand in facts.get("brands", "").split(", ") if brand]
    if len(brands) >= SEVERAL and values["multi_oem"] < 75:
        ratings.append(_rating("multi_oem", "higher", ["brands"], "several manufacturers are named"))
    notes = facts.get("notes", "").lower()
    if "no service" in notes and values["o_and_m"] > 0:
        ratings.append(_rating("o_and_m", "much_lower", ["notes"], "the notes say that there is no service"))
    elif ("maintenance" in notes or "service" in notes) and values["o_and_m"] < 75:
        ratings.append(_rating("o_and_m", "higher", ["notes"], "the notes name service work"))
    strongest, weakest = max(values, key=values.__getitem__), min(values, key=values.__getitem__)
    return {
        "ratings": ratings,
        "summary": f"Strongest in {_words(strongest)}, weakest in {_words(weakest)}.",
        "next_steps": [f"Ask about {_words(weakest)}."],
        "objections": [] if brands else ["Carries no known brand."],
    }


def _values(scorecard: dict[str, str]) -> dict[str, float]:
    """``{"o_and_m": "25: evidence"}`` as numbers."""
    return {name: float(text.partition(":")[0]) for name, text in scorecard.items()}


def _rating(factor: str, rating: str, evidence: list[str], reason: str) -> dict[str, Any]:
    return {"factor": factor, "rating": rating, "evidence": evidence, "reason": reason}


def _words(factor: str) -> str:
    return {"mep_r": "trades", "multi_oem": "brands", "o_and_m": "service"}.get(factor, "customers")
