"""Drafts by template: the deterministic answer for each channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes one lead's drafts by template."""

    desk: Desk
    profile: Profile

    def write(self, channel: Channel, *, plain: bool = False) -> Drafts:
        """The drafts of a channel, or their shorter, plainer form.

        Raises:
            jinja2.UndefinedError: a template asks for what the sheet does not have.
        """
        angles = PLAIN if plain else self.desk.angles
        if channel == "email":
            drafts = [self._email("A", angles[0], plain=plain), self._email("B", angles[1], plain=plain)]
        elif channel == "linkedin":
            drafts = [self._linkedin(angles[0], plain=plain)]
        else:
            drafts = [self._call(angles, plain=plain)]
        return Drafts.model_construct(drafts=drafts)

    def _email(self, variant: Variant, angle: Angle, *, plain: bool) -> Draft:
        seller = self.profile.seller
        name = "email_plain" if plain else "email"
        body = _template(name).render(
            variant=variant,
            tone=self.profile.outreach.tone,
            greeting=f"{self._hello()},",
            opening=wording(angle, "opening", self.desk.sheet),
            points=ordered_points(seller.value_points, angle),
            closing=_CLOSINGS[self.profile.outreach.tone],
            footer=footer(seller),
            seller=seller,
        )
        return Draft("email", variant, self._subject(variant, angle), body, self._cited(angle), version(name))

    def _linkedin(self, angle: Angle, *, plain: bool) -> Draft:
        name = "linkedin_plain" if plain else "linkedin"
        seller = self.profile.seller
        limit = note_limit(self.profile)
        body = ""
        for points in (ordered_points(seller.value_points, angle), []):
            body = _template(name).render(
                tone=self.profile.outreach.tone,
                greeting=f"{self._hello(company=False)},",
                note=wording(angle, "note", self.desk.sheet),
                points=points,
                seller=seller,
            )
            if len(body) <= limit:
                break
        return Draft("linkedin", "A", None, body, self._cited(angle), version(name))

    def _call(self, angles: Sequence[Angle], *, plain: bool) -> Draft:
        name = "call_plain" if plain else "call"
        questions = [wording(angle, "question", self.desk.sheet) for angle in angles]
        body = _template(name).render(
            greeting=f"{self._hello(company=False)}.",
            topic=wording(angles[0], "topic", self.desk.sheet),
            questions=questions,
            points=ordered_points(self.profile.seller.value_points, angles[0]),
            seller=self.profile.seller,
        )
        return Draft("call", "A", None, body, self._cited(*angles), version(name))

    def _hello(self, *, company: bool = True) -> str:
        word = _GREETINGS[self.profile.outreach.tone]
        if self.desk.sheet.first_name:
            return f"{word} {self.desk.sheet.first_name}"
        return f"{word} {self.desk.sheet.short} team" if company and self.desk.sheet.short else word

    def _subject(self, variant: Variant, angle: Angle) -> str:
        subject = wording(angle, "subject", self.desk.sheet)
        if variant == "B" and self.desk.sheet.short:
            # The other variant tests whether the company's own name in the subject gets more replies.
            named = f"{self.desk.sheet.short}: {subject[0].lower() if subject[1:2].islower() else subject[0]}"
            named += subject[1:]
            subject = named if len(named) <= MAX_SUBJECT else subject
        return subject if len(subject) <= MAX_SUBJECT else wording(PLAIN[0], "subject", self.desk.sheet)

    def _cited(self, *angles: Angle) -> tuple[str, ...]:
        needs = ("company", "first_name", *(need for angle in angles for need in angle.needs))
        return tuple(dict.fromkeys(fact for need in needs for fact in self.desk.sheet.ids.get(need, ())))


def payload_of(channel: Channel, desk: Desk, profile: Profile) -> dict[str, object]:
    """What an engine may use for a channel's drafts; no person but the first name, no address."""
    outreach, seller = profile.outreach, profile.seller
    limits = {"email": outreach.email_max_words, "call": outreach.call_max_words}
    return {
        "channel": channel,
        "tone": outreach.tone,
        "max_words": limits.get(channel),
        "max_characters": note_limit(profile) if channel == "linkedin" else None,
        "seller": {name: getattr(seller, name) for name in Seller.model_fields},
        "footer": footer(seller) if channel == "email" else None,
        "facts": desk.sheet.facts,
        "about": [angle.name for angle in desk.angles],
    }


def note_limit(profile: Profile) -> int:
    """Characters of a LinkedIn note: the profile's limit, and never over LinkedIn's own."""
    return min(profile.outreach.linkedin_max_chars, LINKEDIN_NOTE)


def footer(seller: Seller) -> str:
    """What CAN-SPAM asks of a commercial e-mail: who and where the sender is, and how to opt out."""
    return f"{seller.company}, {seller.postal_address}\n{OPT_OUT}"


def wording(angle: Angle, part: str, sheet: FactSheet) -> str:
    """A part of an angle's wording, such as ``opening``, filled from the sheet."""
    text: str = _macros()[f"{angle.name}_{part}"](sheet)
    return text[0].upper() + text[1:] if part in ("opening", "question") else text


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
