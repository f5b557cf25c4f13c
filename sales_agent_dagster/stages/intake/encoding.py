"""Which characters a file's bytes are. Decided from the whole file, so that no later byte can fail."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path

from sales_agent_dagster.domain.errors import QuarantinedFile

_BLOCK = 1 << 20
_EXPORT_AS_CSV = "Open it in the program that made it and export it as CSV (UTF-8)."

_MAGIC = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "a rich-text document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-zip archive"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
)

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_NOT_IN_CP1252 = b"\x81\x8d\x8f\x90\x9d"


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec name and the length of the byte order mark to skip, bytes."""

    name: str
    bom_length: int = 0


def detect_encoding(path: Path) -> Encoding:
    """The encoding in which every byte of the file decodes.

    A byte order mark decides. Without one, NULs beside ASCII characters mean UTF-16; bytes that are UTF-8
    from beginning to end are UTF-8; else Windows-1252; else Latin-1, which has a character for each byte.
    Reads the file once, in blocks.

    Raises:
        QuarantinedFile: ``binary`` or ``encoding``.
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            raise QuarantinedFile("binary", f"This is {kind}, not a CSV file.", _EXPORT_AS_CSV)
    declared = _marked(head) or _utf16_without_mark(head)
    if declared is None:
        return Encoding(_eight_bit_encoding(path))
    _require_decodable(path, declared)
    return declared


def byte_order_mark(path: Path) -> Encoding | None:
    """The encoding that the file's byte order mark declares, or None when it has none."""
    with path.open("rb") as stream:
        return _marked(stream.read(4))


def _marked(head: bytes) -> Encoding | None:
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return Encoding(name, len(mark))
    return None


def _utf16_without_mark(head: bytes) -> Encoding | None:
    """UTF-16 when the file opens with ASCII characters (as headers do) each beside a NUL."""
    first = head[: min(len(head), 64) // 2 * 2]
    even, odd = first[::2], first[1::2]
    if not first:
        return None
    if odd.count(0) >= 0.75 * len(odd) and not even.count(0):
        return Encoding("utf-16-le")
    if even.count(0) >= 0.75 * len(even) and not odd.count(0):
        return Encoding("utf-16-be")
    return None


def _require_decodable(path: Path, encoding: Encoding) -> None:
    decoder = codecs.getincrementaldecoder(encoding.name)()
    with path.open("rb") as stream:
        stream.seek(encoding.bom_length)
        try:
            while block := stream.read(_BLOCK):
                if "\x00" in decoder.decode(block):
                    raise _binary()
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise QuarantinedFile(
                "encoding",
                f"The file says that it is {encoding.name.upper()}, but some of its bytes are not.",
                "It may be cut off or damaged. Export it again, as CSV (UTF-8).",
            ) from None


def _eight_bit_encoding(path: Path) -> str:
    """``utf-8``, ``cp1252`` or ``latin-1``, whichever first fits all bytes of the file."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8 = cp1252 = True
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            if b"\x00" in block:
                raise _binary()
            utf8 = utf8 and _decodes(decoder, block)
            cp1252 = cp1252 and len(block.translate(None, _NOT_IN_CP1252)) == len(block)
    if utf8 and _decodes(decoder, b"", final=True):
        return "utf-8"
    return "cp1252" if cp1252 else "latin-1"


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _binary() -> QuarantinedFile:
    return QuarantinedFile("binary", "The file holds NUL bytes, so it is not text.", _EXPORT_AS_CSV)
