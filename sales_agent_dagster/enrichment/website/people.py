"""People named on a page.

Nobody is better than somebody who does not exist: a name counts only where people are introduced, and only
with a job title right after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sales_agent_dagster.domain.shared_hosts import is_role_mailbox
from sales_agent_dagster.domain.trades import trades_in
from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.person import read_person
from sales_agent_dagster.domain.values.text import words
from sales_agent_dagster.enrichment.website.claims import Claim, claim
from sales_agent_dagster.enrichment.website.document import Document

CONFIDENCE = 0.75
MAX_PEOPLE = 20

_CARD_LINES = 4
"""Lines after a name and title that may still be about the same person."""

_SMALL = "a-z\u00df-\u00f6\u00f8-\u024f"
_PART = rf"(?:(?:Mc|Mac|O['\u2019]|De|La|Di)?[A-Z\u00c0-\u00de][{_SMALL}]+(?:[-'\u2019][A-Z]?[{_SMALL}]+)*)"
_NAME = re.compile(
    rf"(?:(?:Dr|Mr|Mrs|Ms)\.? )?{_PART}(?: (?:[A-Z]\.?|[\"(\u201c]{_PART}[\")\u201d]))?(?: {_PART}){{1,2}}"
    r"(?:,? (?:Jr|Sr|II|III)\.?)?"
)
_NAME_AND_TITLE = re.compile(rf"({_NAME.pattern})\s*(?:,|[-\u2013\u2014|:])\s*([^|]{{3,60}})")
_ROLE = re.compile(
    r"\b(?:(?:co-?)?(?:owner|founder)|president|vp|ceo|coo|cfo|cto|cmo|principal|partner|manager|director"
    r"|supervisor|superintendent|foreman|estimator|dispatcher|coordinator|administrator|technician"
    r"|electrician|plumber|installer|engineer|apprentice|specialist|consultant|advisor|representative"
    r"|accountant|bookkeeper|assistant|receptionist|controller|treasurer|secretary|officer|designer"
    r"|salesman|salesperson|(?:team|crew) lead(?:er)?)s?\b",
    re.IGNORECASE,
)
_TITLE = re.compile(r"[A-Z][A-Za-z&/,.' -]{1,58}")
_NO_TITLE = words("is are was we our you your they has have been who with call us will can he she his her i")
# Words of headings that look like names; people are not called that.
_NO_NAME = words(
    """
    our the your my we us you meet team about contact home service services repair repairs installation
    install free quote estimate estimates request schedule call now today new customer customers company
    mission vision values story history why choose how what who where when get learn read more view see all
    click here
    emergency commercial residential industrial maintenance plan plans special specials offer offers financing
    reviews review testimonials gallery projects project areas area county city valley
    central quality trusted licensed insured certified authorized dealer generator generators electric
    electrical heating cooling air conditioning plumbing solar power energy battery backup standby homes
    business
    office hours monday tuesday wednesday thursday friday saturday sunday january february march july
    september october november december privacy policy terms use rights reserved general manager sales
    operations vice president owner director supervisor lead master technician electrician inc llc co
    corp group partners solutions systems safety training careers jobs news blog events community awards faq
    questions follow social facebook google street avenue road suite box inspection inspections
    upgrade upgrades panel lighting wiring remodel construction design build support help happy proud family
    """
)
_INTRODUCES = re.compile(
    r"\b(?:team|staff|leadership|management|who we are|our people|owners?)\b", re.IGNORECASE
)


def is_person(text: str) -> bool:
    """True for what looks like a person's name and holds no word that people are not called."""
    if len(text) > 60 or not _NAME.fullmatch(text):
        return False
    parts = (part.strip(".,'\"()\u201c\u201d").casefold() for part in text.split())
    return _NO_NAME.isdisjoint(parts) and not trades_in(text)


def title_of(text: str) -> str:
    """A job title, or nothing when the text is none."""
    title = text.strip(" -\u2013\u2014|,:.")
    fits = _TITLE.fullmatch(title) and _ROLE.search(title) and len(title.split()) <= 7
    return title if fits and _NO_TITLE.isdisjoint(title.casefold().split()) else ""


def people_on(document: Document, kind: str) -> list[Claim]:
    """Persons that a page introduces, and their addresses, in order.

    Args:
        document: the page.
        kind: of the page, by ``links.telling_pages``: pages about the team introduce people, others where a
            heading or an element's name says so.
    """
    introduces = kind == "team" or any(map(_INTRODUCES.search, document.headings))
    lines = document.lines if introduces else document.team_lines
    found: dict[str, list[Claim]] = {}
    for name, title, quote, after in _introduced(lines):
        if name not in found and len(found) < MAX_PEOPLE:
            found[name] = [claim("contact_person", f"{name}, {title}", CONFIDENCE, quote), *_emails(after)]
    return [item for claims in found.values() for item in claims]


def _introduced(lines: Sequence[str]) -> Iterator[tuple[str, str, str, Sequence[str]]]:
    """Name, title, the words that say so and what comes after them."""
    for place, line in enumerate(lines):
        if len(line) > 130:
            continue
        after = lines[place + 1 : place + 2 + _CARD_LINES]
        match = _NAME_AND_TITLE.fullmatch(line)
        if match:
            name, title, quote = _readable(match[1]), title_of(match[2]), line
        else:
            name, title = _readable(line), title_of(after[0]) if after else ""
            quote, after = f"{line} {after[0]}" if after else line, after[1:]
        if title and is_person(name):
            yield read_person(name).name or name, title, quote, after


def _readable(name: str) -> str:
    """Names in capitals as they are written elsewhere."""
    return (read_person(name).name or name) if name.isupper() else name


def _emails(lines: Sequence[str]) -> Iterator[Claim]:
    """The address in a person's card, which ends at the next person."""
    for line in lines:
        if is_person(_readable(line)):
            return
        email = first_email(line).email if "@" in line else None
        if email and not is_role_mailbox(email):
            yield claim("contact_email", email, CONFIDENCE, line)
            return
