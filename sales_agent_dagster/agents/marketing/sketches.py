"""Template drafts, each read for faults once for all leads that it looks the same for.

What a template says of a lead is its names, brands, state and figures in sentences that thousands of leads
share. So a draft is made with marks in the place of those, read for faults, and kept under the lead's shape:
what is known of it, not what that is. A lead's draft is the sketch with its own values. A figure stands in a
sentence only where the fact behind it is cited, which the marks keep; lengths are measured for each lead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

from sales_agent_dagster.agents.marketing.angles import PLAIN
from sales_agent_dagster.agents.marketing.drafts import Frames, note_limit
from sales_agent_dagster.agents.marketing.lint import NO_NAME, House, content_faults, length_faults
from sales_agent_dagster.agents.marketing.state import (
    MAX_SUBJECT,
    Angle,
    Desk,
    Draft,
    FactSheet,
    Gap,
    Variant,
    Words,
)
from sales_agent_dagster.agents.marketing.templating import version
from sales_agent_dagster.agents.marketing.words import (
    FORMATS,
    PUBLIC_NEEDS,
    call_words,
    cited_by,
    email_words,
    linkedin_words,
    public_words,
    shorter_subjects,
)
from sales_agent_dagster.domain.profile import Channel, Profile

_MARK = re.compile("\x1a(\\w+)\x1a")
_NAMES = frozenset({"company_name", "contact_first_name"})
_PLURAL = 2
"""Counts from which a sentence stays the same whatever the number."""

_PUBLIC = frozenset(
    f"{channel}{form}" for channel, made in FORMATS.items() if made.public for form in ("", "_plain")
)
_KEPT = 16384
"""Sketches kept; a batch of a thousand leads needs some hundreds."""


class Linted(NamedTuple):
    """A draft and what is wrong with it."""

    draft: Draft
    faults: tuple[str, ...]


class _Marked:
    """A text in pieces: its own, and the names of values that go between them."""

    __slots__ = ("_pieces", "_slots")

    def __init__(self, text: str) -> None:
        self._pieces = _MARK.split(text)
        self._slots = [(place, self._pieces[place]) for place in range(1, len(self._pieces), 2)]

    def filled(self, values: Mapping[str, str]) -> str:
        pieces = self._pieces.copy()
        for place, name in self._slots:
            pieces[place] = values[name]
        return "".join(pieces)


@dataclass(frozen=True, slots=True)
class _Sketch:
    """A draft with marks for values.

    Attributes:
        subjects: in order of preference; the first that is short enough is used.
    """

    draft: Draft
    subjects: tuple[_Marked, ...]
    body: _Marked
    faults: tuple[str, ...]


class Drafter:
    """Writes drafts by template for one profile."""

    def __init__(self, profile: Profile, frames: Frames, house: House) -> None:
        self.profile = profile
        self._frames = frames
        self._house = house
        self._sketches: dict[tuple[Any, ...], _Sketch] = {}

    def letters(self, desk: Desk) -> Letters:
        """The drafts of one lead."""
        return Letters(self, desk)

    def sketch(self, name: str, variant: Variant, short: bool, letters: Letters, angles: Angles) -> _Sketch:
        """The sketch of a draft, made when there is none yet."""
        key = (name, variant, short, letters.shape(name, angles))
        found = self._sketches.get(key)
        if found is None:
            if len(self._sketches) >= _KEPT:
                self._sketches.clear()
            found = self._sketches[key] = self._make(name, variant, short, letters.desk.sheet, angles)
        return found

    def _make(self, name: str, variant: Variant, short: bool, sheet: FactSheet, angles: Angles) -> _Sketch:
        channel = cast("Channel", name.removesuffix("_plain"))
        marked = _marked(sheet)
        words = _words(channel, variant, marked, angles)
        body = self._frames.filled(name, channel, words, marked, angles[0], short=short)
        draft = Draft(channel, variant, words.subject, body, cited_by(channel, sheet, angles), version(name))
        subjects = (words.subject, *shorter_subjects(channel, marked, angles[0])) if words.subject else ()
        # A value is no word, link or number of the template's. A name's numbers excuse none of the text's.
        read = replace(draft, subject=_unmarked("\n".join(subjects)), body=_unmarked(body))
        facts = {key: text for key, text in sheet.facts.items() if key not in _NAMES}
        facts["company_name"] = " ".join(sheet.operations)  # the kinds of work it names are said as they are
        faults = content_faults(read, (), (), facts, self._house)
        return _Sketch(draft, tuple(map(_Marked, subjects)), _Marked(body), tuple(faults))


Angles = tuple[Angle, ...]


class Letters:
    """The template drafts of one lead.

    Attributes:
        values: the lead's own words and figures by the name of their mark.
    """

    __slots__ = ("_drafter", "_known", "desk", "values")

    def __init__(self, drafter: Drafter, desk: Desk) -> None:
        self._drafter = drafter
        self.desk = desk
        self.values = _values(desk.sheet)
        self._known = _known(desk.sheet)

    def shape(self, name: str, angles: Angles) -> tuple[Any, ...]:
        """All that a draft depends on besides ``values``: what is known, and the facts to cite."""
        known, ids = self._known, self.desk.sheet.ids
        if name in _PUBLIC:
            return (*[known[need] for need in PUBLIC_NEEDS], *[ids.get(need) for need in PUBLIC_NEEDS])
        shape = [known["names"], ids.get("company"), ids.get("first_name")]
        for angle in angles:
            shape.append(angle.name)
            shape += [known[attribute] for attribute in angle.reads]
            shape += [ids.get(need) for need in angle.needs]
        return tuple(shape)

    def write(self, channel: Channel, *, plain: bool = False) -> Iterator[Linted]:
        """The drafts of a channel, or their shorter, plainer form.

        Raises:
            jinja2.UndefinedError: a template asks for what the sheet does not have.
        """
        angles: Angles = PLAIN if plain or FORMATS[channel].public else self.desk.angles
        name = f"{channel}_plain" if plain else channel
        if channel == "email":
            for variant, angle in zip(FORMATS[channel].variants, angles, strict=True):
                yield self._filled(name, variant, (angle,))
        elif channel == "linkedin":
            long = self._filled(name, "A", angles[:1])
            fits = len(long.draft.body) <= note_limit(self._drafter.profile)
            yield long if fits else self._filled(name, "A", angles[:1], short=True)
        else:
            yield self._filled(name, "A", angles)

    def _filled(self, name: str, variant: Variant, angles: Angles, *, short: bool = False) -> Linted:
        sketch = self._drafter.sketch(name, variant, short, self, angles)
        made, values = sketch.draft, self.values
        subject = None
        for marked in sketch.subjects:
            subject = marked.filled(values)
            if len(subject) <= MAX_SUBJECT:
                break
        draft = Draft(
            made.channel, variant, subject, sketch.body.filled(values), made.fact_ids, made.template
        )
        return Linted(draft, (*sketch.faults, *length_faults(draft, self._drafter.profile)))


def _known(sheet: FactSheet) -> dict[str, Any]:
    """What is known of a lead, by what angles read; values themselves only where wording depends on them."""
    gap, rivals = sheet.gap, sheet.rivals
    return {
        "names": (sheet.short is None, sheet.first_name is None),
        "brands": len(sheet.brands),
        "brand_total": sheet.brand_total,
        "trades": sheet.trades,
        "operations": sheet.operations,
        "state": sheet.state is None,
        "rivals": rivals if rivals is None or rivals < _PLURAL else _PLURAL,
        "gap": gap and (gap.basis, gap.capability),
    }


def _values(sheet: FactSheet) -> dict[str, str]:
    gap = sheet.gap
    found = {f"brand{number}": brand for number, brand in enumerate(sheet.brands)}
    found["company"] = sheet.short or ""
    found["first_name"] = sheet.first_name or ""
    found["state"] = sheet.state or ""
    found["rivals"] = str(sheet.rivals)
    if gap:
        found |= {"have": str(gap.have), "peers": str(gap.peers), "group": gap.group}
    return found


def _mark(name: str) -> str:
    return f"\x1a{name}\x1a"


def _marked(sheet: FactSheet) -> FactSheet:
    """The sheet with marks for values; a count's mark stands where only its text is used."""
    gap, rivals = sheet.gap, sheet.rivals
    return replace(
        sheet,
        short=_mark("company") if sheet.short else None,
        first_name=_mark("first_name") if sheet.first_name else None,
        brands=tuple(_mark(f"brand{number}") for number in range(len(sheet.brands))),
        state=_mark("state") if sheet.state else None,
        rivals=rivals if rivals is None or rivals < _PLURAL else cast("int", _mark("rivals")),
        gap=gap and Gap(gap.capability, *_gap_marks(), gap.basis, _mark("group")),
    )


def _gap_marks() -> tuple[int, int]:
    return cast("int", _mark("have")), cast("int", _mark("peers"))


def _unmarked(text: str) -> str:
    return _MARK.sub(NO_NAME, text)


def _words(channel: Channel, variant: Variant, sheet: FactSheet, angles: Angles) -> Words:
    if channel == "email":
        return email_words(sheet, variant, angles[0])
    if channel == "linkedin":
        return linkedin_words(sheet, angles[0])
    if channel == "call":
        return call_words(sheet, (angles[0], angles[1]))
    return public_words(channel, sheet.segment)
