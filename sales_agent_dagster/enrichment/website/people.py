"""People named on a page.

Nobody is better than somebody who does not exist: a name counts only where people are introduced, and only
with a job title right after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from selectolax.lexbor import LexborNode

from sales_agent_dagster.domain.shared_hosts import is_role_mailbox
from sales_agent_dagster.domain.trades import trades_in
from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.person import read_person
from sales_agent_dagster.domain.values.text import words
from sales_agent_dagster.enrichment.website.claims import Claim, claim
from sales_agent_dagster.enrichment.website.document import Document, line_of

CONFIDENCE = 0.75
MAX_PEOPLE = 20

MAX_TEAMS = 20
MAX_PIECES = 8000
"""Elements and texts of a page that are looked through."""

_LONGEST = 130
"""Characters of a line with a name and a title."""

_CARD_LINES = 5
"""Lines after a name that may still be about the same person, the title included."""

_CARD_DEPTH = 4
"""Elements that hold nothing but a name, inside each other."""

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_TEAM = ",".join(
    f'{tag}[{attribute}*="{word}" i]'
    for tag in ("section", "div", "ul")
    for attribute in ("id", "class")
    for word in ("team", "staff", "leadership")
)

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
    if kind == "team" or any(map(_INTRODUCES.search, document.headings)):
        places = [document.tree.root] if document.tree.root is not None else []
    else:
        places = document.tree.css(_TEAM)[:MAX_TEAMS]
    found: dict[str, list[Claim]] = {}
    for place in places:
        for name, title, quote, after in _introduced(place):
            if name not in found and len(found) < MAX_PEOPLE:
                found[name] = [
                    claim("contact_person", f"{name}, {title}", CONFIDENCE, quote),
                    *_emails(after),
                ]
    return [item for claims in found.values() for item in claims]


def _introduced(place: LexborNode) -> Iterator[tuple[str, str, str, list[str]]]:
    """Name, title, the words that say so and what comes after them."""
    for node in islice(place.traverse(include_text=True, skip_empty=True), MAX_PIECES):
        line = line_of(node) if node.tag == "-text" else ""
        if not 0 < len(line) <= _LONGEST:
            continue
        match = _NAME_AND_TITLE.fullmatch(line)
        if match:
            name, title, quote, after = _readable(match[1]), title_of(match[2]), line, _after(node, line)
        elif is_person(_readable(line)):
            after = _after(node, line)
            name, title = _readable(line), title_of(after[0]) if after else ""
            quote, after = " ".join((line, *after[:1])), after[1:]
        else:
            continue
        if title and is_person(name):
            yield read_person(name).name or name, title, quote, after


def _after(node: LexborNode, line: str) -> list[str]:
    """The lines right after a text in the same card.

    They are those of the next pieces beside it or, where it is alone in its element, beside that element: the
    title in another person's card is another person's.
    """
    inner: LexborNode | None = node
    for _ in range(_CARD_DEPTH):
        if inner is None:
            break
        lines: list[str] = []
        beside = inner.next
        while beside is not None and len(lines) < _CARD_LINES and not _is_peer(beside, node):
            lines += beside.text(deep=True, separator="\n", strip=True).split("\n")
            beside = beside.next
        shown = [shown for text in lines if (shown := " ".join(text.split()))]
        inner = inner.parent
        if shown or line_of(inner) != line:
            return shown[:_CARD_LINES]
    return []


def _is_peer(beside: LexborNode, name: LexborNode) -> bool:
    """True for what is or begins with a heading like that of the name: another card."""
    tag = name.parent.tag if name.parent is not None else None
    if tag not in _HEADINGS:
        return False
    return beside.tag == tag or (beside.tag != "-text" and beside.css_first(tag) is not None)


def _readable(name: str) -> str:
    """Names in capitals as they are written elsewhere."""
    return (read_person(name).name or name) if name.isupper() else name


def _emails(lines: Iterable[str]) -> Iterator[Claim]:
    """The address in a person's card, which ends at the next person."""
    for line in lines:
        if is_person(_readable(line)):
            return
        email = first_email(line).email if "@" in line else None
        if email and not is_role_mailbox(email):
            yield claim("contact_email", email, CONFIDENCE, line)
            return
