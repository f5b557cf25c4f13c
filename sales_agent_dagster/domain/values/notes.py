"""Structured notes: ``ICP Score: 72.8 | Tier: GOLD | Domain: acme.com | OEMs: Generac, Kohler``."""

from __future__ import annotations

import re
from typing import NamedTuple

from sales_agent_dagster.domain.tiers import Tier

_WHOLE = re.compile(
    r"ICP Score: (\d{1,3}(?:\.\d{1,4})?) \| Tier: ([A-Z]+)(?: \| Domain: ([^\s|]+))?(?: \| OEMs: ([^|\n]+))?"
)
_PART = re.compile(r"\s*(icp[ _]?score|tier|domain|oems?)\s*:\s*(.*?)\s*", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"\d{1,3}(?:\.\d{1,15})?")
_DOMAIN = re.compile(r"\S+\.\S+")
_TIERS = frozenset(tier.value for tier in Tier)


class Notes(NamedTuple):
    """What structured notes say; None where they do not. ``rest`` is what is not structured."""

    score: str | None = None
    tier: str | None = None
    domain: str | None = None
    oems: str | None = None
    rest: str | None = None


def parse_notes(text: str) -> Notes:
    """Fields of ``key: value`` parts separated by ``|``; parts that are not understood stay in ``rest``.

    Notes without an ``ICP Score`` part are a person's words and are kept whole.
    """
    match = _WHOLE.fullmatch(text)
    if match and match[2] in _TIERS:
        return Notes(*match.groups())
    if "icp" not in text.casefold():
        return Notes(rest=text or None)
    return _parts(text)


def _parts(text: str) -> Notes:
    found: dict[str, str] = {}
    rest = []
    for part in re.split(r"[|\n]", text):
        match = _PART.fullmatch(part)
        key = _key(match[1]) if match else ""
        if match and key not in found and _fits(key, match[2]):
            found[key] = match[2]
        elif part.strip():
            rest.append(part.strip())
    if "score" not in found:
        return Notes(rest=text)
    tier = found.get("tier")
    return Notes(
        found["score"],
        tier.upper() if tier else None,
        found.get("domain"),
        found.get("oems"),
        " | ".join(rest) or None,
    )


def _key(label: str) -> str:
    label = label.casefold()
    return "score" if "score" in label else "oems" if label.startswith("oem") else label


def _fits(key: str, value: str) -> bool:
    if key == "score":
        return _NUMBER.fullmatch(value) is not None
    if key == "tier":
        return value.upper() in _TIERS
    return bool(value) if key == "oems" else _DOMAIN.fullmatch(value) is not None
