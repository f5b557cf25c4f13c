"""Puts words into the frames of drafts: greeting, offer, signature and what the law wants are code's.

Frames are rendered once per profile and angle, with marks where a lead's words go; the marks are then
replaced. Most of a message is the same for thousands of leads.
"""

from __future__ import annotations

from sales_agent_dagster.agents.marketing.angles import ordered_points
from sales_agent_dagster.agents.marketing.state import Angle, FactSheet, Words
from sales_agent_dagster.agents.marketing.templating import template
from sales_agent_dagster.domain.profile import Channel, Profile, Seller

LINKEDIN_NOTE = 300
"""LinkedIn refuses longer connection notes (200 characters on free accounts)."""

OPT_OUT = 'If you would rather not hear from me, reply "unsubscribe" and I will not write again.'
_GREETINGS = {"professional": "Hello", "friendly": "Hi", "direct": "Hello"}
_CLOSINGS = {"professional": "Kind regards,", "friendly": "All the best,", "direct": "Thanks,"}
_GREETED = {"email": "{},", "linkedin": "{},", "call": "{}."}

_MARK = "\x1b{}\x1b"
"""A control character cannot come from a profile or from cleaned text."""

_PLACES = ("greeting", "opening", "note", "topic", "first_question", "second_question", "text")
_MARKS = {name: _MARK.format(name) for name in _PLACES}


class Frames:
    """The frames of one profile."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._frames: dict[tuple[object, ...], str] = {}

    def filled(
        self,
        name: str,
        channel: Channel,
        words: Words,
        sheet: FactSheet,
        angle: Angle,
        *,
        short: bool = False,
    ) -> str:
        """The body of a draft: words in the frame called ``name``.

        The seller's points that go with the angle come first; ``short`` leaves out what can be left out.
        """
        body = self._frame(name, angle, words.variant, short)
        if channel in _GREETED:
            hello = self._hello(sheet, team=channel == "email")
            body = body.replace(_MARKS["greeting"], _GREETED[channel].format(hello))
        for place, text in words.parts:
            body = body.replace(_MARKS[place], text)
        return body

    def _hello(self, sheet: FactSheet, *, team: bool) -> str:
        word = _GREETINGS[self.profile.outreach.tone]
        if sheet.first_name:
            return f"{word} {sheet.first_name}"
        return f"{word} {sheet.short} team" if team and sheet.short else word

    def _frame(self, name: str, angle: Angle, variant: str, short: bool) -> str:
        key = (name, angle.keywords, variant, short)
        if key not in self._frames:
            seller, tone = self.profile.seller, self.profile.outreach.tone
            self._frames[key] = template(name).render(
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
