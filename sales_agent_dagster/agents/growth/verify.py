"""Holds an engine's words to the computed figures."""

from __future__ import annotations

import re
from dataclasses import fields

from sales_agent_dagster.agents.growth.market import MIN_TERRITORY, Figures
from sales_agent_dagster.agents.growth.state import GrowthLead, GrowthNarrative, Measures

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_CITABLE = frozenset(field.name for field in fields(Figures)) | {"o_and_m", "expansion_score"}


def faults(narrative: GrowthNarrative, lead: GrowthLead, measures: Measures) -> list[str]:
    """What the narrative claims without a figure; empty when all is well.

    A number must be a figure as such, as a percentage, or part of the company's or a brand's name; a
    play must name one of the figures.
    """
    text = " ".join((narrative.summary, *(f"{play.text} {play.value}" for play in narrative.plays)))
    unknown = sorted(set(_NUMBER.findall(text)) - _numbers(lead, measures))
    found = [f"number without a figure: {number}" for number in unknown]
    return found + [
        f"unknown figure: {play.figure[:40]}" for play in narrative.plays if play.figure not in _CITABLE
    ]


def _numbers(lead: GrowthLead, measures: Measures) -> set[str]:
    figures = lead.figures
    texts = [lead.company_name, figures.main_brand or "", str(MIN_TERRITORY), f"{measures.expansion_score:g}"]
    texts += [part.figure for part in measures.components]
    texts += [f"{gap.have} {gap.peers} {gap.share * 100:.0f}" for gap in figures.gaps]
    for name in _FIELDS:
        value = getattr(figures, name)
        if value is not None:
            texts.append(f"{value:g}" if type(value) is int else f"{value:g} {value * 100:.0f}")
    if lead.o_and_m is not None:
        texts.append(f"{lead.o_and_m:g}")
    return set(_NUMBER.findall(" ".join(texts)))


_FIELDS = tuple(
    field.name for field in fields(Figures) if field.name not in {"territory", "scope", "main_brand", "gaps"}
)
