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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sales_agent_dagster.agents.marketing.drafts import OPT_OUT, note_limit
from sales_agent_dagster.agents.marketing.facts import LINK
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
_PUNCTUATION = str.maketrans(dict.fromkeys('.,:;!?()"\u201c\u201d', " "))
_LEFT_OVERS = frozenset({"None", "nan", "NaN", "null", "undefined"})
_SCRIPT_HEADS = frozenset({"OPENER", "QUESTIONS", "VOICEMAIL"})
_MIN_SHOUT = 5
"""Shorter words in capitals are mostly abbreviations: HVAC, UPS, LLC."""


@dataclass(frozen=True, slots=True)
class House:
    """What the profile makes part of every draft.

    Attributes:
        texts: the seller's own texts, longest first; links: those in them.
    """

    texts: tuple[str, ...]
    links: frozenset[str]


def faults(draft: Draft, sheet: FactSheet, profile: Profile, own_domain: str | None = None) -> list[str]:
    """Every fault of a draft, named, with what is wrong; empty when it may go to a person to be sent."""
    house = _house(profile)
    text = f"{draft.subject}\n{draft.body}" if draft.subject else draft.body
    found = [f"unknown_fact: {cited}" for cited in draft.fact_ids if cited not in sheet.facts]
    if any(bracket in text for bracket in _BRACKETS):
        found.append("placeholder: brackets")
    found += _length(draft, profile)
    if draft.channel == "email":
        found += _email(draft, profile)
    found += _links(text, house, own_domain)
    # What remains without names and the seller's texts: their words, numbers and capitals are their owners'.
    cited = [sheet.facts[fact] for fact in draft.fact_ids if fact in sheet.facts]
    for part in (*house.texts, *cited, sheet.short):
        if part:
            text = text.replace(part, " ")
    return [*found, *_numbers(text, cited), *_words(text)]


def _length(draft: Draft, profile: Profile) -> list[str]:
    outreach = profile.outreach
    if draft.channel == "linkedin":
        limit = note_limit(profile)
        return [f"too_long: {len(draft.body)} characters of {limit}"] if len(draft.body) > limit else []
    limit = outreach.email_max_words if draft.channel == "email" else outreach.call_max_words
    words = len(draft.body.partition(FOOTER_MARK)[0].split())
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


def _numbers(text: str, cited: Sequence[str]) -> list[str]:
    used = set(_NUMBER.findall(text))
    if not used:
        return []
    return [f"number: {number}" for number in sorted(used - set(_NUMBER.findall(" ".join(cited))))]


def _links(text: str, house: House, own_domain: str | None) -> list[str]:
    # The pattern is costly, and most texts have no dot inside a word.
    dotted = any(part[:1].isalnum() for part in text.split(".")[1:])
    if not (dotted or "//" in text or "@" in text or "www" in text or "mailto" in text):
        return []
    links = {_link(found) for found in LINK.findall(text)}
    return [f"link: {link[:60]}" for link in sorted(links - house.links - {own_domain})]


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


def _house(profile: Profile) -> House:
    seller = profile.seller
    return _house_of(
        (
            seller.company,
            seller.sender_name,
            seller.sender_title,
            seller.offering,
            *seller.value_points,
            seller.call_to_action,
            seller.postal_address,
        )
    )


@lru_cache(maxsize=8)
def _house_of(texts: tuple[str, ...]) -> House:
    joined = " ".join(texts)
    return House(
        tuple(sorted(texts, key=len, reverse=True)),
        frozenset(_link(found) for found in LINK.findall(joined)),
    )


def _link(found: str) -> str:
    return found.rstrip(".,;:)\"'").lower()
