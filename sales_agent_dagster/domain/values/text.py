"""Text as it comes out of a CSV cell: control characters, invisible characters, words that mean missing."""

from __future__ import annotations

import html
import re
import unicodedata


def words(listing: str) -> frozenset[str]:
    """The words of a listing divided by white space."""
    return frozenset(listing.split())


MISSING = words(
    """
    nan none null nil n/a #n/a na n.a. n.a nat <na> (null) (none) (blank) [null] undefined unknown tbd -
    -- --- . ? #value! #ref! #name?
    """
) | {"", "not available", "not provided", "not specified"}
"""Case-folded words that stand for "no value" in exports of spreadsheets, pandas and CRMs."""

PERSON_MISSING = words(
    """
    NaN nan None none NONE null NULL N/A n/a #N/A Unknown unknown UNKNOWN TBD - -- --- . ?
    """
) | {""}
"""The same for people's names, exact: Null, Na and Nan are surnames."""

MAX_CELL = 10_000
"""Characters kept of any raw cell."""

_CONTROL_TABLE: dict[int, str | None] = {
    code: None for code in (*range(9), *range(0x0E, 0x20), *range(0x7F, 0xA0)) if code != 0x85
}
_CONTROL_TABLE |= {0x09: " ", 0x0B: "\n", 0x0C: "\n", 0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
# UTF-8 read as Windows-1252: an accented capital or a euro-dash followed by a continuation byte's glyph.
_MOJIBAKE = re.compile("[\u00c2\u00c3][\u0080-\u00bf\u2018-\u2122\u0152-\u0192]|\u00e2\u20ac")
_ENTITY = re.compile(r"&(?:[a-z]{2,8}|#\d{1,6}|#x[0-9a-f]{1,6});", re.IGNORECASE)


def is_missing(text: str) -> bool:
    """True for the empty string and for words that mean "no value", such as ``NaN`` or ``N/A``."""
    return text.casefold() in MISSING


def clean_cell(text: str) -> str:
    """The cell without what no table should hold; line breaks become one newline each.

    Removes NUL and other control characters (PostgreSQL refuses NUL), zero-width and direction marks and
    lone surrogates (JSON refuses them); every kind of space becomes a plain one.
    """
    text = text.replace("\r\n", "\n").translate(_CONTROL_TABLE)
    if not text.isprintable():
        text = "".join(map(_visible, text))
    return text.strip()


def _visible(char: str) -> str:
    if char == "\n" or char.isprintable():
        return char
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    return "\ufffd" if category == "Cs" else ""


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())


def decode_entities(text: str) -> str:
    """HTML entities such as ``&amp;`` as the characters they stand for, cleaned like a cell."""
    while _ENTITY.search(text):
        decoded = clean_cell(html.unescape(text))
        if decoded == text:
            break
        text = decoded
    return text


def undo_mojibake(text: str) -> str:
    """UTF-8 that was read as Windows-1252, read right; any other text unchanged."""
    if not _MOJIBAKE.search(text):
        return text
    try:
        return clean_cell(text.encode("cp1252").decode("utf-8"))
    except UnicodeError:
        return text
