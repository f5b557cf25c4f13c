"""Text from outside: cells and notes on the way to a model, and a model's words on the way back.

A lead's text is data. It reaches a model only as strings of a JSON object, cleaned here: one line, no
control or direction characters, no markup delimiters, no addresses, numbers or links, cut to a length. A
model's words are read as if the lead had written them, because it may have: they are cleaned the same way,
and ``faults_of`` names what keeps them out of a row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, TypeVar

from pydantic import AfterValidator

ItemT = TypeVar("ItemT")

_SUSPECT = re.compile(r"[@\d]|[\[({] ?at ?[\])}]", re.IGNORECASE)
_EMAIL = re.compile(
    r"[^\s@]+(?:@| ?[\[({] ?(?:at|@) ?[\])}] ?)[^\s@()\[\]{}]+(?: ?[\[({] ?(?:dot|\.) ?[\])}] ?[\w.-]+)*",
    re.IGNORECASE,
)
"""Addresses, also those that are hidden from simple readers: ``jo (at) acme [dot] com``."""

_PHONE = re.compile(r"(?<!\d)\+?\(?\d(?:[ ().\-/\u00b7\u2022\u2010-\u2015]{0,3}\d){6,14}(?!\d)")
"""Seven to fifteen digits, by ITU-T E.164 the most, with what is written between them."""

_LINK = re.compile(
    r"(?:https?:|ftp:|mailto:|//|www\.)\S*"
    r"|[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|info|biz|co|io|us|ai|app|dev|me|ly|gl|ru|cn|xyz|top|site|online"
    r"|shop|link|click|pro|solar|energy|solutions|example|test|invalid)\b(?:/\S*)?"
    r"|\S+@\S+",
    re.IGNORECASE,
)
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}"
    r"\b(?:instructions?|prompts?|previous|above|rules?|guidelines?)\b"
    r"|\bsystem prompt\b|\byou are now\b|\bnew instructions\b|\bdeveloper mode\b|\bas an ai\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"[{}<>\[\]`\\$^~]|%\w*%|\|\|")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_DELIMITER = re.compile("[<>`]")
_DELIMITERS = str.maketrans({"<": "\u2039", ">": "\u203a", "`": "'"})
"""What special tokens, tags and fences are made of, and what stands for it: ``<|end|>`` is none any more."""


def clean(text: str, limit: int) -> str:
    """One line of text, at most ``limit`` characters, without what readers do not see.

    Compatibility forms are made plain (NFKC); control, direction, zero-width, private and unassigned
    characters (Unicode category C) are taken out; angle brackets and backticks become look-alikes.
    """
    plain = text.isascii() and text.isprintable()
    if not plain:
        # Normalising may lengthen a text, at most eighteenfold: what is far over the limit goes first.
        shown = unicodedata.normalize("NFKC", text[: 4 * limit])
        text = "".join(char if char.isprintable() else _unseen(char) for char in shown)
    if not plain or _DELIMITER.search(text):
        text = text.translate(_DELIMITERS)
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    return line[: limit + 1].rpartition(" ")[0] or line[:limit]


def _unseen(char: str) -> str:
    # Space and line separators are white space; characters of category C other than line ends are nothing.
    return " " if char.isspace() else ""


def redact(text: str, limit: int) -> str:
    """Cleaned text with links, e-mail addresses and phone numbers replaced by their kind."""
    text = clean(text, limit)
    if _SUSPECT.search(text):
        text = _PHONE.sub("[phone]", _EMAIL.sub("[e-mail]", text))
    for link in links_in(text):
        text = re.sub(re.escape(link), "[link]", text, flags=re.IGNORECASE)
    return text[:limit]


def links_in(text: str) -> list[str]:
    """What a mail client would turn into links, lower case, without punctuation at the end."""
    # The pattern is costly, and most texts have no dot inside a word.
    dotted = any(part[:1].isalnum() for part in text.split(".")[1:])
    if not (dotted or "//" in text or "@" in text or "www" in text or ":" in text):
        return []
    return [found.rstrip(".,;:)\"'").lower() for found in _LINK.findall(text)]


def is_order(text: str) -> bool:
    """True for text that tells a model what to do with its instructions."""
    return _ORDERS.search(text) is not None


def numbers_in(text: str) -> list[str]:
    """Numbers as they are written, with their points and commas."""
    return _NUMBER.findall(text)


def faults_of(text: str, known_numbers: str) -> list[str]:
    """What keeps a model's words out of a row: one name per kind of fault, none for good words.

    Numbers are good that ``known_numbers``, a text, has too.
    """
    found = []
    if _MARKUP.search(text):
        found.append("markup")
    if links_in(text) or _EMAIL.search(text):
        found.append("link")
    if _PHONE.search(text):
        found.append("phone number")
    if is_order(text):
        found.append("instruction")
    if set(numbers_in(text)) - set(numbers_in(known_numbers)):
        found.append("unknown number")
    return found


@lru_cache(maxsize=16384)
def is_nameable(name: str) -> bool:
    """True for a name out of a file, such as a brand, that may stand in a sentence of ours."""
    shown = clean(name, 200)
    return shown == name and not faults_of(shown, shown)


def _cleaned(limit: int) -> AfterValidator:
    return AfterValidator(lambda text: clean(text, limit))


def at_most(count: int) -> AfterValidator:
    """A list is cut to ``count`` items: a model that gives one too many has still answered."""
    cut: Callable[[list[ItemT]], list[ItemT]] = lambda items: items[:count]  # noqa: E731
    return AfterValidator(cut)


Name = Annotated[str, _cleaned(60)]
"""An identifier or short value in a model's answer."""

Phrase = Annotated[str, _cleaned(160)]
Sentence = Annotated[str, _cleaned(300)]
Paragraph = Annotated[str, _cleaned(600)]
"""Words in a model's answer: cleaned and cut, never refused for their length."""
