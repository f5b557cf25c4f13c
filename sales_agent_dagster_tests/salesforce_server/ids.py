"""Record ids: 15 case-sensitive characters, or 18 with a checksum of the case.

Three characters of object type, two of instance, one reserved, nine of a counter in base 62.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterator

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CASES = string.ascii_uppercase + "012345"
_INSTANCE = "5e0"


def with_checksum(short: str) -> str:
    """The 18-character form: per five characters, which of them are upper case, first one lowest bit."""
    parts = (short[at : at + 5] for at in (0, 5, 10))
    return short + "".join(
        _CASES[sum(char.isupper() << bit for bit, char in enumerate(part))] for part in parts
    )


def normal(given: str) -> str | None:
    """The 18-character form of an id in either form; None when it is no id, or its checksum is wrong."""
    if len(given) not in (15, 18) or not given.isascii() or not given.isalnum():
        return None
    full = with_checksum(given[:15])
    return full if len(given) == 15 or given[15:].upper() == full[15:] else None


def ids(prefix: str) -> Iterator[str]:
    """New ids of an object type."""
    for number in itertools.count(1):
        yield with_checksum(prefix + _INSTANCE + _base62(number).rjust(9, "0"))


def _base62(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 62)
        text = _DIGITS[digit] + text
    return text
