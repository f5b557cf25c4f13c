"""Drafts by template: the deterministic answer for each channel.

Templates are rendered with marks where a lead's own words go, once per profile and angle, and the marks
are then replaced: most of a message is the same for thousands of leads, and rendering all of it for each
took four times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from sales_agent_dagster.agents.marketing.angles import PLAIN, ordered_points
from sales_agent_dagster.agents.marketing.state import (
    MAX_SUBJECT,
    Angle,
    Desk,
    Draft,
    Drafts,
    FactSheet,
    Variant,
)
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.profile import Channel, Profile, Seller

TEMPLATES = Path(__file__).with_name("templates")
LINKEDIN_NOTE = 300
"""LinkedIn refuses longer connection notes (200 characters on free accounts)."""

OPT_OUT = 'If you would rather not hear from me, reply "unsubscribe" and I will not write again.'
_GREETINGS = {"professional": "Hello", "friendly": "Hi", "direct": "Hello"}
_CLOSINGS = {"professional": "Kind regards,", "friendly": "All the best,", "direct": "Thanks,"}

_MARK = "\x1a{}\x1a"
"""A control character cannot come from a profile or a cleaned name."""

_COMPANY = _MARK.format("company")
_MARKS = {
    name: _MARK.format(name)
    for name in ("greeting", "opening", "note", "topic", "first_question", "second_question")
}
_PHRASES_KEPT = 65536


class Writer:
    """Writes drafts by template for one profile."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._frames: dict[tuple[object, ...], str] = {}
        self._seller = {name: getattr(profile.seller, name) for name in Seller.model_fields}

    def write(self, desk: Desk, channel: Channel, *, plain: bool = False) -> Drafts:
        """The drafts of a channel for one lead, or their shorter, plainer form.

        Raises:
            jinja2.UndefinedError: a template asks for what the sheet does not have.
        """
        angles = PLAIN if plain else desk.angles
        if channel == "email":
            drafts = [
                self._email(desk.sheet, "A", angles[0], plain=plain),
                self._email(desk.sheet, "B", angles[1], plain=plain),
            ]
        elif channel == "linkedin":
            drafts = [self._linkedin(desk.sheet, angles[0], plain=plain)]
        else:
            drafts = [self._call(desk.sheet, angles, plain=plain)]
        return Drafts.model_construct(drafts=drafts)

    def payload(self, desk: Desk, channel: Channel) -> dict[str, object]:
        """What an engine may use for a channel's drafts; no person but the first name, no address."""
        outreach = self._profile.outreach
        limits = {"email": outreach.email_max_words, "call": outreach.call_max_words}
        return {
            "channel": channel,
            "tone": outreach.tone,
            "max_words": limits.get(channel),
            "max_characters": note_limit(self._profile) if channel == "linkedin" else None,
            "seller": self._seller,
            "footer": footer(self._profile.seller) if channel == "email" else None,
            "facts": desk.sheet.facts,
            "about": [angle.name for angle in desk.angles],
        }

    def _email(self, sheet: FactSheet, variant: Variant, angle: Angle, *, plain: bool) -> Draft:
        name = "email_plain" if plain else "email"
        frame = self._frame(name, angle, variant=variant)
        body = _filled(frame, greeting=f"{self._hello(sheet)},", opening=wording(angle, "opening", sheet))
        return Draft(
            "email", variant, _subject(sheet, variant, angle), body, _cited(sheet, angle), version(name)
        )

    def _linkedin(self, sheet: FactSheet, angle: Angle, *, plain: bool) -> Draft:
        name = "linkedin_plain" if plain else "linkedin"
        words = {"greeting": f"{self._hello(sheet, team=False)},", "note": wording(angle, "note", sheet)}
        body = _filled(self._frame(name, angle), **words)
        if len(body) > note_limit(self._profile):
            body = _filled(self._frame(name, angle, short=True), **words)
        return Draft("linkedin", "A", None, body, _cited(sheet, angle), version(name))

    def _call(self, sheet: FactSheet, angles: tuple[Angle, Angle], *, plain: bool) -> Draft:
        name = "call_plain" if plain else "call"
        body = _filled(
            self._frame(name, angles[0]),
            greeting=f"{self._hello(sheet, team=False)}.",
            topic=wording(angles[0], "topic", sheet),
            first_question=wording(angles[0], "question", sheet),
            second_question=wording(angles[1], "question", sheet),
        )
        return Draft("call", "A", None, body, _cited(sheet, *angles), version(name))

    def _hello(self, sheet: FactSheet, *, team: bool = True) -> str:
        word = _GREETINGS[self._profile.outreach.tone]
        if sheet.first_name:
            return f"{word} {sheet.first_name}"
        return f"{word} {sheet.short} team" if team and sheet.short else word

    def _frame(self, name: str, angle: Angle, *, variant: str = "A", short: bool = False) -> str:
        key = (name, angle.keywords, variant, short)
        if key not in self._frames:
            seller, tone = self._profile.seller, self._profile.outreach.tone
            self._frames[key] = _template(name).render(
                _MARKS,
                seller=seller,
                tone=tone,
                variant=variant,
                short=short,
                points=ordered_points(seller.value_points, angle),
                closing=_CLOSINGS[tone],
                footer=footer(seller),
            )
        return self._frames[key]


def footer(seller: Seller) -> str:
    """What CAN-SPAM asks of a commercial e-mail: who and where the sender is, and how to opt out."""
    return f"{seller.company}, {seller.postal_address}\n{OPT_OUT}"


def note_limit(profile: Profile) -> int:
    """Characters of a LinkedIn note: the profile's limit, and never over LinkedIn's own."""
    return min(profile.outreach.linkedin_max_chars, LINKEDIN_NOTE)


def wording(angle: Angle, part: str, sheet: FactSheet) -> str:
    """A part of an angle's wording, such as ``opening``, filled from the sheet."""
    phrase = f"{angle.name}_{part}"
    key = (phrase, sheet.short is None, *(getattr(sheet, name) for name in angle.reads))
    text = _phrases.get(key)
    if text is None:
        marked = sheet if sheet.short is None else replace(sheet, short=_COMPANY)
        text = str(_macros()[phrase](marked))
        text = text[0].upper() + text[1:] if part in ("opening", "question", "note") else text
        if len(_phrases) >= _PHRASES_KEPT:
            _phrases.clear()
        _phrases[key] = text
    return text.replace(_COMPANY, sheet.short or "")


_phrases: dict[tuple[object, ...], str] = {}


def _filled(frame: str, **words: str) -> str:
    for mark, text in words.items():
        frame = frame.replace(_MARKS[mark], text)
    return frame


def _subject(sheet: FactSheet, variant: Variant, angle: Angle) -> str:
    subject = wording(angle, "subject", sheet)
    if variant == "B" and sheet.short:
        # The other variant tests whether the company's own name in the subject gets more replies.
        starts_with_name = subject.startswith(sheet.brands)
        named = f"{sheet.short}: {subject if starts_with_name else subject[0].lower() + subject[1:]}"
        subject = named if len(named) <= MAX_SUBJECT else subject
    return subject if len(subject) <= MAX_SUBJECT else wording(PLAIN[0], "subject", sheet)


def _cited(sheet: FactSheet, *angles: Angle) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for needs in (("company", "first_name"), *(angle.needs for angle in angles)):
        for need in needs:
            found.update(dict.fromkeys(sheet.ids.get(need, ())))
    return tuple(found)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # Plain text, not HTML: autoescaping would put "&amp;" into company names. Values are cleaned where
    # they enter the fact sheet, and are never templates themselves.
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@lru_cache(maxsize=16)
def _template(name: str) -> Template:
    return _environment().get_template(f"{name}.j2")


@lru_cache(maxsize=1)
def _macros() -> dict[str, Callable[[FactSheet], Any]]:
    return dict(vars(_template("angles").module))


@lru_cache(maxsize=16)
def version(name: str) -> str:
    """Template name and the hash of its file and of the angles' wording."""
    texts = [(TEMPLATES / f"{file}.j2").read_text(encoding="utf-8") for file in (name, "angles")]
    return f"{name}-{content_hash(texts)[:12]}"


@lru_cache(maxsize=1)
def templates_version() -> str:
    """Hash of all templates: an edit of any recomputes the drafts."""
    return content_hash([path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.glob("*.j2"))])[:12]
