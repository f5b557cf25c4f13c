"""Bytes of a response to text, never more of them than allowed."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import AsyncIterable
from typing import NamedTuple

from charset_normalizer import from_bytes

from sales_agent_dagster.enrichment.fetching.failures import Reason, SiteFailed

ENCODINGS = "gzip, deflate"
"""What we say we can unpack: both can be unpacked in bounded steps."""

BOMB_RATIO = 100
"""A page that is cut off and unpacked from less than a hundredth of its size is no page. HTML packs to a
fifth or a tenth; gzip's limit is about 1:1030."""

TEXT_TYPES = frozenset({"text/html", "application/xhtml+xml", "text/plain"})

_HEAD = 4096
"""Bytes in which a page may declare its charset; browsers look at 1,024."""
_SAMPLE = 8192
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{2,40})""", re.IGNORECASE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Browsers read these labels as Windows-1252 (WHATWG Encoding), whose quotes and dashes such pages contain.
_AS_CP1252 = frozenset({"iso8859-1", "ascii"})


class Body(NamedTuple):
    """What came.

    Attributes:
        data: unpacked bytes.
        cut: there was more than allowed.
    """

    data: bytes
    cut: bool


async def read_body(parts: AsyncIterable[bytes], encoding: str, most: int) -> Body:
    """The first ``most`` bytes of a body, unpacked as they come; what is over is never held.

    Raises:
        SiteFailed: an encoding that we did not offer, broken packing, or a decompression bomb.
    """
    unpack = _unpacker(encoding)
    found = bytearray()
    received = 0
    async for part in parts:
        received += len(part)
        found += unpack.feed(part, most + 1 - len(found))
        if len(found) > most:
            if most > BOMB_RATIO * (received - unpack.waiting):
                raise SiteFailed(Reason.TOO_LARGE, "unpacks to more than a hundred times its size")
            return Body(bytes(found[:most]), cut=True)
    return Body(bytes(found), cut=False)


class _Plain:
    waiting = 0

    def feed(self, part: bytes, most: int) -> bytes:
        return part[:most]


class _Packed:
    """gzip, zlib and, as some servers send it for deflate, a raw stream; told apart by the first byte."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._unpack: zlib._Decompress | None = None

    @property
    def waiting(self) -> int:
        """Bytes received and not unpacked yet."""
        return len(self._unpack.unconsumed_tail) if self._unpack else 0

    def feed(self, part: bytes, most: int) -> bytes:
        if not part:
            return b""
        if self._unpack is None:
            raw = self._encoding == "deflate" and part[0] & 0x0F != zlib.DEFLATED
            self._unpack = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS | 32)
        try:
            return self._unpack.decompress(self._unpack.unconsumed_tail + part, most)
        except zlib.error:
            raise SiteFailed(Reason.PROTOCOL, f"broken {self._encoding}") from None


def _unpacker(encoding: str) -> _Plain | _Packed:
    plain = encoding.strip().lower()
    if plain in ("", "identity"):
        return _Plain()
    if plain in ("gzip", "x-gzip", "deflate"):
        return _Packed(plain.removeprefix("x-"))
    raise SiteFailed(Reason.PROTOCOL, "packed in a way that was not offered")


def media_type(content_type: str) -> tuple[str, str | None]:
    """Type and charset of a Content-Type header: ``("text/html", "utf-8")``."""
    kind, _, parameters = content_type.partition(";")
    match = re.search(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{2,40})", parameters, re.IGNORECASE)
    return kind.strip().lower(), match[1] if match else None


def is_text(kind: str, data: bytes) -> bool:
    """True for HTML and plain text; without a type, when the bytes look like HTML."""
    return kind in TEXT_TYPES if kind else data.lstrip()[:1] == b"<"


def decode(data: bytes, declared: str | None) -> str:
    """Text of a page: by its byte order mark, else UTF-8, else its header's charset, its own, or its looks.

    UTF-8 goes before declarations because bytes that are valid UTF-8 by accident are rarer than pages that
    declare something else. A declaration that the bytes contradict does not count; bytes that are wrong in
    every charset become U+FFFD.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    inside = _META.search(data[:_HEAD])
    labels = [declared, inside[1].decode("ascii") if inside else None]
    # Charsets that shift by escape sequences are ASCII in their bytes, and so UTF-8 too.
    for label in [*labels, "utf-8"] if b"\x1b" in data else ["utf-8", *labels]:
        text = _strictly(data, _charset(label))
        if text is not None:
            return text
    return data.decode(_guess(data), "replace")


def _strictly(data: bytes, name: str | None) -> str | None:
    """The text if the bytes are valid in the charset; a character that is cut off at the end is left out."""
    if name is None:
        return None
    try:
        return codecs.getincrementaldecoder(name)("strict").decode(data)
    except UnicodeError:
        return None


def _guess(data: bytes) -> str:
    """The charset that the bytes around the first one beyond ASCII look like."""
    first = next((index for index, byte in enumerate(data) if byte > 0x7F), 0)
    best = from_bytes(data[max(0, first - _SAMPLE // 4) : first + _SAMPLE]).best()
    return best.encoding if best else "cp1252"


def _charset(label: str | None) -> str | None:
    """Python's name of a charset label; None for unknown ones and for codecs that are no charset."""
    if label is None:
        return None
    try:
        found = codecs.lookup(label)
    except LookupError:
        return None
    if not found._is_text_encoding or found.name in ("utf-7", "idna", "punycode", "unicode_escape"):
        return None
    # A page that was ASCII enough to declare it cannot be UTF-16 (WHATWG HTML, "prescan").
    name = "utf-8" if found.name.startswith(("utf-16", "utf-32")) else found.name
    return "cp1252" if name in _AS_CP1252 else name
