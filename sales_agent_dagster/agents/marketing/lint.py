"""What must not leave the house: rules over a draft, each fault with a name.

=====================  ==========================================================================
fault                  meaning
=====================  ==========================================================================
``placeholder``        a bracket or brace, or a bare None, nan or null, is left in the text
``subject_length``     no subject, or one over 60 characters
``too_long``           over the profile's limit: words above an e-mail's footer, words of a call
                       script, characters of a LinkedIn note (LinkedIn's own limit is 300)
``no_postal_address``  an e-mail without the seller's postal address (CAN-SPAM)
``no_opt_out``         an e-mail that does not say how to opt out (CAN-SPAM)
``link``               a link that is not the seller's or the lead's own domain
``spam_words``         words that spam filters and readers take for spam
``shouting``           capitals for emphasis, or exclamation marks in a row
``unknown_fact``       a cited fact that the sheet does not have
``number``             a number that is in no cited fact and not the seller's own
=====================  ==========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

from sales_agent_dagster.agents.marketing.drafts import OPT_OUT, note_limit
from sales_agent_dagster.agents.marketing.facts import links_in
from sales_agent_dagster.agents.marketing.state import MAX_SUBJECT, Draft, FactSheet
from sales_agent_dagster.domain.profile import Profile

SPAM_WORDS = frozenset(
    {"free", "guarantee", "guaranteed", "winner", "urgent", "cash", "risk-free", "bonus", "cheap", "miracle"}
)
SPAM_PHRASES = (
    "act now",
    "limited time",
    "click here",
    "buy now",
    "100%",
    "no obligation",
    "once in a lifetime",
)
FOOTER_MARK = "\n--\n"

_BRACKETS = "{}<>[]"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_NAME = " \x1a "
"""Stands for a name while a text is read; it is no word, number or link."""

_PUNCTUATION = str.maketrans(dict.fromkeys('.,:;!?()"\u201c\u201d', " "))
_LEFT_OVERS = frozenset({"None", "nan", "NaN", "null", "undefined"})
_SCRIPT_HEADS = frozenset({"OPENER", "QUESTIONS", "VOICEMAIL"})
_MIN_SHOUT = 5
"""Shorter words in capitals are mostly abbreviations: HVAC, UPS, LLC."""


class House:
    """What the profile makes part of every draft: the seller's own texts, longest first, and their links."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        seller = profile.seller
        texts = [
            seller.company,
            seller.sender_name,
            seller.sender_title,
            seller.offering,
            *seller.value_points,
            seller.call_to_action,
            seller.postal_address,
        ]
        self.texts = sorted(texts, key=len, reverse=True)
        self.joined = "\n".join(texts)
        self.links = frozenset(link for text in texts for link in links_in(text))


def faults(draft: Draft, sheet: FactSheet, house: House, own_domain: str | None = None) -> list[str]:
    """Every fault of a draft, named, with what is wrong; empty when it may go to a person to be sent."""
    text = f"{draft.subject}\n{draft.body}" if draft.subject else draft.body
    found = [f"unknown_fact: {cited}" for cited in draft.fact_ids if cited not in sheet.facts]
    found += _length(draft, house.profile)
    if draft.channel == "email":
        found += _email(draft, house.profile)
    names = tuple(name for name in (sheet.company, sheet.short, sheet.first_name) if name)
    kept = sheet.brands
    if any(name in house.joined for name in names):
        kept = (*names, *kept)  # taken out line by line, after the seller's texts that hold them too
    else:
        for name in names:
            text = _without(text, name)
    for line in text.split("\n"):
        content = _content(line, kept, house)
        if content is not None:
            found += _of_line(content, draft, sheet, house.links | {own_domain})
    return found


def _length(draft: Draft, profile: Profile) -> list[str]:
    outreach = profile.outreach
    if draft.channel == "linkedin":
        limit = note_limit(profile)
        return [f"too_long: {len(draft.body)} characters of {limit}"] if len(draft.body) > limit else []
    limit = outreach.email_max_words if draft.channel == "email" else outreach.call_max_words
    text = draft.body.partition(FOOTER_MARK)[0]
    if text.count(" ") + text.count("\n") < limit:
        return []
    words = len(text.split())
    return [f"too_long: {words} words of {limit}"] if words > limit else []


def _email(draft: Draft, profile: Profile) -> list[str]:
    found = []
    if not draft.subject or len(draft.subject) > MAX_SUBJECT:
        found.append(f"subject_length: {len(draft.subject or '')} characters")
    if profile.seller.postal_address not in draft.body:
        found.append("no_postal_address")
    if OPT_OUT not in draft.body:
        found.append("no_opt_out")
    return found


@dataclass(frozen=True, slots=True)
class Content:
    """What a line without names holds that may be a fault."""

    links: tuple[str, ...]
    numbers: tuple[str, ...]
    faults: tuple[str, ...]


def _of_line(content: Content, draft: Draft, sheet: FactSheet, links: Set[str | None]) -> list[str]:
    numbers = _NUMBER.findall(" ".join(sheet.facts.get(cited, "") for cited in draft.fact_ids))
    found = [f"link: {link[:60]}" for link in content.links if link not in links]
    found += [f"number: {number}" for number in content.numbers if number not in numbers]
    return [*found, *content.faults]


@lru_cache(maxsize=65536)
def _content(line: str, names: tuple[str, ...], house: House) -> Content | None:
    """What a line holds without the seller's texts and the lead's names, which keep their own words.

    Kept per line: leads share most lines of a message.
    """
    # Brackets are looked for in all of it: the profile's texts may hold a placeholder too.
    brackets = ["placeholder: brackets"] if any(bracket in line for bracket in _BRACKETS) else []
    for part in (*house.texts, *names):
        line = _without(line, part)
    links = tuple(links_in(line))
    numbers = tuple(_NUMBER.findall(line))
    found = (*brackets, *_words(line))
    return Content(links, numbers, found) if links or numbers or found else None


def _without(text: str, name: str) -> str:
    if len(name) >= _MIN_SHOUT:
        return text.replace(name, _NAME)
    # A short name may be part of a word that is not the name: "AI" of "VOICEMAIL".
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _: _NAME, text) if name in text else text


def _words(text: str) -> list[str]:
    words = set(text.translate(_PUNCTUATION).split())
    lower = text.lower()
    found = []
    if not words.isdisjoint(_LEFT_OVERS):
        found.append("placeholder: empty value")
    spam = SPAM_WORDS.intersection(map(str.lower, words))
    spam |= {phrase for phrase in SPAM_PHRASES if phrase in lower}
    if spam:
        found.append(f"spam_words: {', '.join(sorted(spam))}")
    shouted = {word for word in words if len(word) >= _MIN_SHOUT and word.isupper()} - _SCRIPT_HEADS
    if shouted or "!!" in text:
        found.append(f"shouting: {', '.join(sorted(shouted)) or '!!'}")
    return found
