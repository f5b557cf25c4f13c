"""E-mail addresses."""

from __future__ import annotations

import re
from typing import NamedTuple

from sales_agent_dagster.domain.values.text import is_missing

_LOCAL = r"[a-z0-9_+&%'~-]+(?:\.[a-z0-9_+&%'~-]+)*"
_HOST = r"(?:[a-z0-9]+(?:-+[a-z0-9]+)*\.)+[a-z]{2,24}"
_ADDRESS = re.compile(rf"{_LOCAL}@{_HOST}")
_FOUND = re.compile(rf"(?<![a-z0-9.+&%'~_-]){_LOCAL}@{_HOST}(?![a-z0-9@-])")
# Image names and trackers that scrapers take for addresses: logo@2x.png, 8f3...@sentry.io.
_NOT_MAIL: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".css", ".js", ".ico")
_NOT_MAIL += ("@sentry.io", ".sentry.io", "@sentry.wixpress.com", "@sentry-next.wixpress.com")

MAX_EMAIL = 254
"""RFC 5321: longest forward path."""


class Emails(NamedTuple):
    """First valid address of a cell, or None, and the repairs and flags."""

    email: str | None
    repairs: tuple[str, ...] = ()


_NOTHING = Emails(None)
_INVALID = Emails(None, ("email_invalid",))


def first_email(text: str) -> Emails:
    """First valid address in a cell, lower case; others, names and ``mailto:`` may stand around it."""
    lower = text.lower()
    if _ADDRESS.fullmatch(lower) and _is_plausible(lower):
        return Emails(lower)
    if is_missing(text):
        return _NOTHING
    found = list(dict.fromkeys(filter(_is_plausible, _FOUND.findall(lower[:4000]))))
    if not found:
        return _INVALID
    return Emails(found[0], ("email_several",) if len(found) > 1 else ("email_cleaned",))


def _is_plausible(address: str) -> bool:
    return len(address) <= MAX_EMAIL and address.index("@") <= 64 and not address.endswith(_NOT_MAIL)
