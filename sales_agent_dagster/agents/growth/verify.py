"""Holds an engine's words to the computed figures.

An engine cites figures by id in square brackets and writes no number itself; the values are put in here. A
sentence with a number of its own, an unknown id, a link or markup is left out, and so is a play; where
nothing is left of the summary or of the plays, the rules' words stand in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sales_agent_dagster.agents.growth import rules
from sales_agent_dagster.agents.growth.market import UNKNOWN, Figures
from sales_agent_dagster.agents.growth.state import GrowthLead, Measures, Narrative, Play, Words
from sales_agent_dagster.agents.untrusted import faults_of, redact

MAX_SUMMARY = 600
MAX_PLAY = 300

_CITED = re.compile(r"\[\s*([a-z_0-9]{1,40})\s*\]")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_NUMBER_WORDS = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?"
    r"|thousands?|millions?|billions?|dozens?|half|thirds?|quarters?|doubled?|triple[ds]?|twice|percent"
    r"|per cent|majority|most of)\b|%",
    re.IGNORECASE,
)
_MAX_GAPS = 3


def figures_of(lead: GrowthLead, measures: Measures) -> dict[str, str]:
    """Every figure that words may cite, by id, as it reads in a sentence."""
    figures = lead.figures
    found: dict[str, Any] = {
        "company": redact(lead.company_name, 120),
        "territory": None if figures.territory == UNKNOWN else figures.territory,
        "list_leads": figures.list_leads,
        "territory_leads": figures.territory_leads,
        "same_oem_competitors": figures.same_oem_competitors,
        "same_trade_competitors": figures.same_trade_competitors,
        "main_brand": redact(figures.main_brand, 60) if figures.main_brand else None,
        "brand_count": figures.brand_count or None,
        "rivals": figures.rivals,
        "rivals_below": figures.rivals_below,
        "rivals_level": figures.rivals_level,
        "market_position": measures.market_position,
        "expansion_score": f"{measures.expansion_score:g}",
        "o_and_m": None if lead.o_and_m is None else f"{lead.o_and_m:g} of 100",
        **_shares(figures),
    }
    gaps = enumerate(figures.gaps[:_MAX_GAPS], 1)
    found |= {f"gap_{number}": rules.gap_in_words(gap) for number, gap in gaps}
    return {name: str(value) for name, value in found.items() if value is not None}


def _shares(figures: Figures) -> dict[str, str | None]:
    shares = {
        "score_percentile": figures.score_percentile,
        "other_brand_share": figures.other_brand_share,
        "fewer_brands_share": figures.fewer_brands_share,
    }
    return {name: None if share is None else rules.percent(share) for name, share in shares.items()}


def payload_of(lead: GrowthLead, measures: Measures) -> dict[str, object]:
    """What an engine is told, JSON-ready."""
    return {"figures": figures_of(lead, measures)}


def verified(narrative: Narrative, lead: GrowthLead, measures: Measures) -> Words:
    """The engine's words with the figures put in, and the rules' words for what does not hold."""
    figures = figures_of(lead, measures)
    dropped: list[str] = []
    summary = _summary(narrative.summary, figures, dropped)
    plays = _plays(narrative, figures, dropped)
    by_rules = rules.narrate(lead, measures)
    return Words(
        summary or by_rules.summary,
        plays or by_rules.plays,
        tuple(dropped),
    )


def _summary(text: str, figures: Mapping[str, str], dropped: list[str]) -> str:
    kept = []
    for sentence in _SENTENCE.split(text):
        found = _faults(sentence, figures)
        dropped += [f"summary: {fault}" for fault in found]
        if sentence and not found:
            kept.append(_rendered(sentence, figures))
    return " ".join(kept)[:MAX_SUMMARY]


def _plays(narrative: Narrative, figures: Mapping[str, str], dropped: list[str]) -> tuple[Play, ...]:
    plays: dict[str, Play] = {}
    for play in narrative.plays:
        cited = play.figure.strip("[] ")
        found = _faults(play.text, figures)
        found += [] if cited in figures else ["unknown figure"]
        found += [] if play.text else ["no words"]
        dropped += [f"play: {fault}" for fault in found]
        if not found and play.play not in plays:
            text = _rendered(play.text, figures)[:MAX_PLAY]
            plays[play.play] = Play(play.play, text, cited, figures[cited])
    return tuple(plays.values())


def _faults(text: str, figures: Mapping[str, str]) -> list[str]:
    cited = _CITED.findall(text)
    words = _CITED.sub("", text)
    found = faults_of(words, "")
    if _NUMBER_WORDS.search(words):
        found.append("number in words")
    if any(name not in figures for name in cited):
        found.append("unknown figure")
    return found


def _rendered(text: str, figures: Mapping[str, str]) -> str:
    return _CITED.sub(lambda match: figures[match[1]], text)
