"""Reads facts in the texts of a payload, each with the words that say it."""

from __future__ import annotations

import re
from typing import Any

WORDS = {
    ("trade", "generator"): r"generators?|standby power",
    ("trade", "electrical"): r"electric(?:al|ian)?",
    ("trade", "hvac"): r"hvac|heating|cooling",
    ("trade", "plumbing"): r"plumb(?:ing|er)",
    ("trade", "solar"): r"solar",
    ("trade", "roofing"): r"roof(?:ing|er)",
    ("customers", "homes"): r"residential|homeowners?|homes",
    ("customers", "businesses"): r"commercial|business(?:es)?",
    ("service", "maintenance"): r"maintenance(?: contracts?| plans?)?",
    ("service", "repair"): r"repairs?",
    ("service", "emergency"): r"emergency",
    ("brand", "Generac"): r"generac",
    ("brand", "Kohler"): r"kohler",
}
FOUNDED = re.compile(r"(?:since|founded in|established in)\s+(\d{4})", re.IGNORECASE)
MOST = 8


def read(payload: dict[str, Any], system: str) -> dict[str, Any]:
    facts = []
    for source, text in payload["texts"].items():
        for (topic, value), pattern in WORDS.items():
            if found := re.search(rf"\b(?:{pattern})\b", text, re.IGNORECASE):
                facts.append({"topic": topic, "value": value, "source": source, "quote": found[0]})
        if found := FOUNDED.search(text):
            facts.append({"topic": "founded", "value": found[1], "source": source, "quote": found[0]})
    firsts = {(fact["topic"], fact["value"]): fact for fact in reversed(facts)}
    return {"facts": list(reversed(firsts.values()))[:MOST]}
