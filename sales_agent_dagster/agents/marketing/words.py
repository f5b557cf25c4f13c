"""The words of drafts: by template from a fact sheet, or as an engine wrote them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sales_agent_dagster.agents.marketing.angles import PLAIN
from sales_agent_dagster.agents.marketing.state import (
    Angle,
    BlogWords,
    CallWords,
    EmailVariant,
    EmailWords,
    FactSheet,
    LinkedinWords,
    Segment,
    SocialWords,
    Variant,
    Words,
    Written,
)
from sales_agent_dagster.agents.marketing.templating import macros
from sales_agent_dagster.domain.profile import Channel

_CAPITALISED = ("opening", "question", "note")


class Format(NamedTuple):
    """What a channel's drafts are made of.

    Attributes:
        output_type: what an engine answers for it.
        public: one text for all leads of a segment.
    """

    output_type: type[Written]
    variants: tuple[Variant, ...]
    public: bool


FORMATS: Mapping[Channel, Format] = {
    "email": Format(EmailWords, ("A", "B"), False),
    "linkedin": Format(LinkedinWords, ("A",), False),
    "call": Format(CallWords, ("A",), False),
    "social": Format(SocialWords, ("A",), True),
    "blog": Format(BlogWords, ("A",), True),
}


PUBLIC_NEEDS = ("brands", "trades", "state")
"""What a post rests on: its segment."""


def wording(angle: Angle, part: str, sheet: FactSheet) -> str:
    """A part of an angle's wording, such as ``opening``, filled from the sheet."""
    text = str(macros("angles")[f"{angle.name}_{part}"](sheet))
    return text[0].upper() + text[1:] if part in _CAPITALISED else text


def email_words(sheet: FactSheet, variant: Variant, angle: Angle) -> Words:
    """Subject and opening of an e-mail; variant B puts the company's name before the subject."""
    subject = wording(angle, "subject", sheet)
    if variant == "B" and sheet.short:
        # The other variant tests whether the company's own name in the subject gets more replies.
        starts_with_name = subject.startswith(sheet.brands)
        subject = f"{sheet.short}: {subject if starts_with_name else subject[0].lower() + subject[1:]}"
    return Words(variant, subject, (("opening", wording(angle, "opening", sheet)),))


def shorter_subjects(channel: Channel, sheet: FactSheet, angle: Angle) -> tuple[str, ...]:
    """What to use, in order, in place of a subject or title that is too long."""
    if channel == "blog":
        return (str(macros("segments")["blog_title"](Segment(None, None, None))),)
    return wording(angle, "subject", sheet), wording(PLAIN[0], "subject", sheet)


def linkedin_words(sheet: FactSheet, angle: Angle) -> Words:
    """Why to connect."""
    return Words("A", None, (("note", wording(angle, "note", sheet)),))


def call_words(sheet: FactSheet, angles: tuple[Angle, Angle]) -> Words:
    """What a call is about, and a question of each angle."""
    return Words(
        "A",
        None,
        (
            ("topic", wording(angles[0], "topic", sheet)),
            ("first_question", wording(angles[0], "question", sheet)),
            ("second_question", wording(angles[1], "question", sheet)),
        ),
    )


def public_words(channel: Channel, segment: Segment) -> Words:
    """A public post's words for a segment."""
    said = macros("segments")
    if channel == "social":
        return Words("A", None, (("text", str(said["social"](segment))),))
    points = str(said["blog_points"](segment)).splitlines()
    return Words("A", str(said["blog_title"](segment)), (("text", _listed(points)),))


def cited_by(channel: Channel, sheet: FactSheet, angles: Sequence[Angle]) -> tuple[str, ...]:
    """Ids of the facts that a template's words about these angles rest on; a post rests on its segment's."""
    needs = ("company", "first_name", *(need for angle in angles for need in angle.needs))
    if FORMATS[channel].public:
        needs = PUBLIC_NEEDS
    found: dict[str, None] = {}
    for need in needs:
        found.update(dict.fromkeys(sheet.ids.get(need, ())))
    return tuple(found)


def words_of(written: Written) -> tuple[Words, ...]:
    """An engine's answer as words, one entry per variant."""
    return _READERS[type(written)](written)


def _of_email(written: EmailWords) -> tuple[Words, ...]:
    return _variant("A", written.a), _variant("B", written.b)


def _variant(variant: Variant, written: EmailVariant) -> Words:
    return Words(variant, written.subject, (("opening", written.text),), tuple(written.fact_ids))


def _of_linkedin(written: LinkedinWords) -> tuple[Words, ...]:
    return (Words("A", None, (("note", written.text),), tuple(written.fact_ids)),)


def _of_call(written: CallWords) -> tuple[Words, ...]:
    parts = tuple((name, getattr(written, name)) for name in ("topic", "first_question", "second_question"))
    return (Words("A", None, parts, tuple(written.fact_ids)),)


def _of_social(written: SocialWords) -> tuple[Words, ...]:
    return (Words("A", None, (("text", written.text),)),)


def _of_blog(written: BlogWords) -> tuple[Words, ...]:
    return (Words("A", written.title, (("text", _listed(written.points)),)),)


_READERS: dict[type[Written], Callable[[Any], tuple[Words, ...]]] = {
    EmailWords: _of_email,
    LinkedinWords: _of_linkedin,
    CallWords: _of_call,
    SocialWords: _of_social,
    BlogWords: _of_blog,
}

NO_WORDS: Mapping[type[Written], Written] = {
    EmailWords: EmailWords(
        a=EmailVariant(subject="", text="", fact_ids=[]), b=EmailVariant(subject="", text="", fact_ids=[])
    ),
    LinkedinWords: LinkedinWords(text="", fact_ids=[]),
    CallWords: CallWords(topic="", first_question="", second_question="", fact_ids=[]),
    SocialWords: SocialWords(text=""),
    BlogWords: BlogWords(title="", points=[]),
}
"""What the rules answer: their words are the templates', put in afterwards."""


def _listed(points: list[str]) -> str:
    return "\n".join(f"- {point}" for point in points if point)
