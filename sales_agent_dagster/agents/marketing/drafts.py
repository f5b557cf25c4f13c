"""Drafts by template: the deterministic answer for each channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from sales_agent_dagster.agents.marketing.angles import PLAIN, Angle, angles_for, ordered_points
from sales_agent_dagster.agents.marketing.facts import FactSheet
from sales_agent_dagster.agents.marketing.state import MAX_SUBJECT, Draft, Drafts, Variant
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
    """Writes one lead's drafts.

    Attributes:
        angles: what variant A and B are about.
    """

    sheet: FactSheet
    profile: Profile
    angles: tuple[Angle, Angle]

    def write(self, channel: Channel, *, plain: bool = False) -> Drafts:
        """The drafts of a channel, or their shorter, plainer form.

        Raises:
            jinja2.UndefinedError: a template asks for what the sheet does not have.
        """
        angles = (PLAIN, PLAIN) if plain else self.angles
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
            opening=wording(angle, "opening", self.sheet),
            points=ordered_points(seller.value_points, angle),
            closing=_CLOSINGS[self.profile.outreach.tone],
            footer=footer(seller),
            seller=seller,
        )
        return Draft("email", variant, self._subject(variant, angle), body, self._cited(angle), version(name))

    def _linkedin(self, angle: Angle, *, plain: bool) -> Draft:
        name = "linkedin_plain" if plain else "linkedin"
        seller = self.profile.seller
        limit = min(self.profile.outreach.linkedin_max_chars, LINKEDIN_NOTE)
        body = ""
        for points in (ordered_points(seller.value_points, angle), []):
            body = _template(name).render(
                tone=self.profile.outreach.tone,
                greeting=f"{self._hello(company=False)},",
                note=wording(angle, "note", self.sheet),
                points=points,
                seller=seller,
            )
            if len(body) <= limit:
                break
        return Draft("linkedin", "A", None, body, self._cited(angle), version(name))

    def _call(self, angles: Sequence[Angle], *, plain: bool) -> Draft:
        name = "call_plain" if plain else "call"
        first, second = angles
        questions = [wording(first, "question", self.sheet), wording(second, "question", self.sheet)]
        if first is second:
            questions[1] = "Who else should be part of that talk?"
        body = _template(name).render(
            greeting=f"{self._hello(company=False)}.",
            topic=wording(first, "topic", self.sheet),
            questions=questions,
            points=ordered_points(self.profile.seller.value_points, first),
            seller=self.profile.seller,
        )
        return Draft("call", "A", None, body, self._cited(*angles), version(name))

    def _hello(self, *, company: bool = True) -> str:
        word = _GREETINGS[self.profile.outreach.tone]
        if self.sheet.first_name:
            return f"{word} {self.sheet.first_name}"
        return f"{word} {self.sheet.short} team" if company and self.sheet.short else word

    def _subject(self, variant: Variant, angle: Angle) -> str:
        subject = wording(angle, "subject", self.sheet)
        if variant == "B" and self.sheet.short:
            # The other variant tests whether the company's own name in the subject gets more replies.
            named = f"{self.sheet.short}: {subject[0].lower() if subject[1:2].islower() else subject[0]}"
            named += subject[1:]
            subject = named if len(named) <= MAX_SUBJECT else subject
        return subject if len(subject) <= MAX_SUBJECT else wording(PLAIN, "subject", self.sheet)

    def _cited(self, *angles: Angle) -> tuple[str, ...]:
        needs = ("company", "first_name", *(need for angle in angles for need in angle.needs))
        return tuple(dict.fromkeys(fact for need in needs for fact in self.sheet.ids.get(need, ())))


def writer(sheet: FactSheet, profile: Profile, lead_id: str) -> Writer:
    """A writer with the angles that suit the lead."""
    return Writer(sheet, profile, angles_for(sheet, lead_id))


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
    return Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,
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
