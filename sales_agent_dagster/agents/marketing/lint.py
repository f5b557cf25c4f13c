"""What must not leave the house: rules over a draft, each fault with a name.

=====================  ==========================================================================
fault                  meaning
=====================  ==========================================================================
``placeholder``        a bracket or brace, or a bare None, nan or null, is left in the text
``subject_length``     no subject or title, or one over 60 characters
``too_long``           over the profile's limit: words above an e-mail's footer, words of a call
                       script or outline, characters of a post or of a LinkedIn note (LinkedIn's own
                       limit is 300)
``no_postal_address``  an e-mail without the seller's postal address (CAN-SPAM)
``no_opt_out``         an e-mail that does not say how to opt out (CAN-SPAM)
``link``               a link that is not the seller's or the lead's own domain
``spam_words``         words that spam filters and readers take for spam
``shouting``           capitals for emphasis, or exclamation marks in a row
``instruction``        words that tell a model what to do: somebody else's, repeated
``unknown_fact``       a cited fact that the sheet does not have
``number``             a number that is in no cited fact and not the seller's own
=====================  ==========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from sales_agent_dagster.agents.marketing.drafts import OPT_OUT, note_limit
from sales_agent_dagster.agents.marketing.state import MAX_SUBJECT, Draft, FactSheet
from sales_agent_dagster.agents.untrusted import is_order, links_in, numbers_in
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
_TITLED = ("email", "blog")
NO_NAME = " \x1a "
"""Stands for a name while a text is read; it is no word, number or link."""

_PUNCTUATION = str.maketrans(dict.fromkeys('.,:;!?()"\u201c\u201d', " "))
_LEFT_OVERS = frozenset({"None", "nan", "NaN", "null", "undefined"})
_SCRIPT_HEADS = frozenset({"OPENER", "QUESTIONS", "VOICEMAIL", "OUTLINE", "CLOSE"})
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
    names = tuple(name for name in (sheet.company, sheet.short, sheet.first_name) if name)
    kept = sheet.brands
    if any(name in house.joined for name in names):
        kept = (*names, *kept)  # taken out line by line, after the seller's texts that hold them too
        names = ()
    return [
        *(f"unknown_fact: {cited}" for cited in draft.fact_ids if cited not in sheet.facts),
        *length_faults(draft, house.profile),
        *content_faults(draft, names, kept, sheet.facts, house, own_domain),
    ]


def content_faults(
    draft: Draft,
    names: tuple[str, ...],
    brands: tuple[str, ...],
    facts: Mapping[str, str],
    house: House,
    own_domain: str | None = None,
) -> list[str]:
    """The faults of what a draft says, however long it is.

    ``names`` are taken out of the whole text before it is read, ``brands`` out of each line; ``facts`` is id
    to text of what it may cite.
    """
    found = _statutory(draft, house.profile) if draft.channel == "email" else []
    text = f"{draft.subject}\n{draft.body}" if draft.subject else draft.body
    for name in names:
        text = _without(text, name)
    numbers = numbers_in(" ".join(facts.get(cited, "") for cited in draft.fact_ids))
    links = house.links | {own_domain}
    for line in text.split("\n"):
        content = _content(line, brands, house)
        if content is not None:
            found += [f"link: {link[:60]}" for link in content.links if link not in links]
            found += [f"number: {number}" for number in content.numbers if number not in numbers]
            found += content.faults
    return found


def length_faults(draft: Draft, profile: Profile) -> list[str]:
    """The faults of how long a draft is."""
    found = []
    if draft.channel in _TITLED and not 0 < len(draft.subject or "") <= MAX_SUBJECT:
        found.append(f"subject_length: {len(draft.subject or '')} characters")
    if draft.channel in ("linkedin", "social"):
        limit = note_limit(profile) if draft.channel == "linkedin" else profile.outreach.social_max_chars
        size = len(draft.body)
        return [*found, f"too_long: {size} characters of {limit}"] if size > limit else found
    limit = getattr(profile.outreach, f"{draft.channel}_max_words")
    text = draft.body.partition(FOOTER_MARK)[0]
    if text.count(" ") + text.count("\n") < limit:
        return found
    words = len(text.split())
    return [*found, f"too_long: {words} words of {limit}"] if words > limit else found


def _statutory(draft: Draft, profile: Profile) -> list[str]:
    found = []
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
    numbers = tuple(numbers_in(line))
    found = (*brackets, *_words(line))
    return Content(links, numbers, found) if links or numbers or found else None


def _without(text: str, name: str) -> str:
    if len(name) >= _MIN_SHOUT:
        return text.replace(name, NO_NAME)
    # A short name may be part of a word that is not the name: "AI" of "VOICEMAIL".
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _: NO_NAME, text) if name in text else text


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
    if is_order(text):
        found.append("instruction")
    return found
