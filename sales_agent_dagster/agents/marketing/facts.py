"""The fact sheet of one lead: what drafts may say of it, each with the id of the stored fact behind it.

Names out of a CSV are untrusted: they could carry template syntax, links or instructions to a model. A
name that does is not used at all; drafts then speak of "your company" and the outcome says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sales_agent_dagster.agents.marketing.state import MAX_BRANDS, CampaignLead, FactSheet, Gap, Segment
from sales_agent_dagster.agents.untrusted import clean, is_order, links_in
from sales_agent_dagster.domain.trades import in_trade_order
from sales_agent_dagster.domain.us_places import STATE_NAMES
from sales_agent_dagster.domain.wording import read_wording

MAX_NAME = 80
SURE = 0.6
"""Facts less certain than this are not put into a draft."""

_OWN_TRADES = ("columns", "name", "notes")
"""Sources that say the company does the work itself; selling a brand does not."""

_SYNTAX = re.compile(r"[{}<>\[\]|`\\$^~]|%\w*%")
_PERSON = re.compile(r"[^\W\d_][^\W\d_'\u2019. -]{0,29}(?:[ '\u2019-][^\W\d_][^\W\d_'\u2019.-]{0,19})?\.?")
_LETTER = re.compile(r"[^\W\d_]")
_CUT = re.compile(r", | - |\s+\(|\bdba\b|\bd/b/a\b", re.IGNORECASE)

TRADE_WORDS = {
    "generator": "generator",
    "electrical": "electrical",
    "hvac": "HVAC",
    "plumbing": "plumbing",
    "solar": "solar",
    "battery": "battery",
    "roofing": "roofing",
    "ev_charging": "EV charging",
    "inverter": "inverter",
    "smart_panel": "smart panel",
    "iot": "controls",
}
"""Trades and categories as they stand before the word "work"."""


def fact_sheet(lead: CampaignLead) -> FactSheet:
    """Everything drafts may say of the lead."""
    sheet = FactSheet()
    _add_names(sheet, lead)
    _add_brands_and_trades(sheet, lead)
    _add_place(sheet, lead)
    _add_growth(sheet, lead)
    return sheet


def segment_of(lead: CampaignLead) -> Segment:
    """The segment of the lead's fact sheet, without the rest of it."""
    sheet = FactSheet()
    _add_brands_and_trades(sheet, lead)
    _add_place(sheet, lead)
    return sheet.segment


def unusable(name: str, own_domain: str | None = None) -> str | None:
    """Why a name must not go into a draft; None when it may. Its own domain is no foreign link."""
    shown = clean(name, MAX_NAME)
    if _SYNTAX.search(name) or _SYNTAX.search(shown):
        return "template or markup characters"
    # As it is shown: cleaning may uncover what invisible characters or other forms of letters hide.
    if is_order(shown):
        return "reads as an instruction"
    if any(found != own_domain for found in (*links_in(shown), *links_in(name))):
        return "a link"
    return None if _LETTER.search(shown) else "no letter"


def _add_names(sheet: FactSheet, lead: CampaignLead) -> None:
    reason = unusable(lead.company_name, lead.domain)
    if reason:
        sheet.notes = (f"company name not used: {reason}",)
    else:
        sheet.company = clean(lead.company_name, MAX_NAME)
        first = _CUT.split(sheet.company)[0].strip(" ,.&-")
        sheet.short = first if len(first) >= 3 and " " in first else sheet.company
        sheet.learn("company", {"company_name": sheet.company})
        sheet.operations = read_wording(sheet.company).operations
        if sheet.operations:
            sheet.learn("operations", {"company_name": sheet.company})
    if lead.contact_first_name and _PERSON.fullmatch(lead.contact_first_name):
        sheet.first_name = lead.contact_first_name
        sheet.learn("first_name", {"contact_first_name": sheet.first_name})


def _add_brands_and_trades(sheet: FactSheet, lead: CampaignLead) -> None:
    main = lead.growth.get("main_brand")
    sources = {}
    trades: list[str] = []
    for fact in lead.facts:
        if fact["field"] == "brands" and fact["source"] == "file":
            brands = _brand_names(fact["value"], main)
            sheet.brand_total = len(brands)
            sheet.brands = brands[:MAX_BRANDS]
            sheet.learn("brands", {fact["id"]: ", ".join(brands)})
        elif fact["field"] == "trades" and fact["source"] in _OWN_TRADES:
            sources[fact["id"]] = fact["value"]
            trades += fact["value"].split(", ")
    if trades:
        sheet.trades = tuple(TRADE_WORDS[trade] for trade in in_trade_order(trades))
        sheet.learn("trades", sources)


@lru_cache(maxsize=4096)
def _brand_names(listed: str, main: str | None) -> tuple[str, ...]:
    brands = [clean(brand, 40) for brand in listed.split(", ") if not unusable(brand)]
    return tuple(sorted(brands, key=lambda brand: brand != main))


def _add_place(sheet: FactSheet, lead: CampaignLead) -> None:
    states = [fact for fact in lead.facts if fact["field"] == "region_state" and fact["confidence"] >= SURE]
    if states:
        surest = max(states, key=lambda fact: fact["confidence"])
        sheet.state = STATE_NAMES.get(surest["value"])
        sheet.learn("state", {surest["id"]: surest["value"]})


def _add_growth(sheet: FactSheet, lead: CampaignLead) -> None:
    growth = lead.growth
    rivals, territory = growth.get("same_oem_competitors"), growth.get("territory")
    if rivals is not None and sheet.state and STATE_NAMES.get(territory or "") == sheet.state:
        sheet.rivals = rivals
        sheet.territory_leads = growth["territory_leads"]
        sheet.learn(
            "rivals",
            {
                "growth.same_oem_competitors": f"{rivals} other companies of the list there with its brands",
                "growth.territory_leads": f"{sheet.territory_leads} companies of the list there",
            },
        )
    gaps = [gap for gap in growth.get("gaps") or () if _tellable(gap, sheet)]
    if gaps:
        gap = gaps[0]
        sheet.gap = Gap(**{**gap, "capability": TRADE_WORDS.get(gap["capability"], gap["capability"])})
        told = f"not seen, though {gap['have']} of {gap['peers']} others with {gap['group']} show it"
        sheet.learn("gap", {"growth.gaps": f"{sheet.gap.capability} work {told}"})


def _tellable(gap: Mapping[str, Any], sheet: FactSheet) -> bool:
    """True when the draft can say who the peers are."""
    if gap["basis"] == "brand":
        return gap["group"] in sheet.brands
    return sheet.state is not None and STATE_NAMES.get(gap["group"]) == sheet.state
