"""CSV files as a stream of records, each with the place where it starts.

Lines are counted in bytes while ``csv.reader`` pulls them, so the byte offset of every record is known and
reading can begin at any of them again: a batch deep inside a large file costs one seek. Exact, because
decoding is strict, so that encoding a line again gives the bytes it came from.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from sales_agent_dagster.domain.errors import QuarantinedFile
from sales_agent_dagster.stages.intake.dialect import choose_delimiter, excel_hint, refuse_other_text
from sales_agent_dagster.stages.intake.encoding import Encoding, byte_order_mark, detect_encoding

MAX_RECORD_CHARS = 1 << 20
"""Longest record. Bounds memory; ``csv`` itself bounds a cell to 131,072 characters."""

_SAMPLE_CHARS = 1 << 18
_SAMPLE_LINES = 1000


class Position(NamedTuple):
    """Where a record starts: byte of the file, from 0, and line, from 1."""

    offset: int
    line_no: int


class Record(NamedTuple):
    """One data row: number among the file's data rows, from 1; where it starts; its raw cells."""

    record_no: int
    line_no: int
    offset: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file whose encoding, delimiter and header are known.

    Attributes:
        header: raw cells of the header row.
        body: where the first row after the header starts.
    """

    path: Path
    encoding: Encoding
    delimiter: str
    header: tuple[str, ...]
    body: Position

    @classmethod
    def detect(cls, path: Path) -> Self:
        """Find out how the file is written; reads all of it once, for the encoding.

        Raises:
            QuarantinedFile: ``no_rows``, ``binary``, ``encoding``, ``not_csv``, ``unclosed_quote`` or
                ``oversized_row``.
            OSError: the file cannot be read.
        """
        encoding = detect_encoding(path)
        sample = _sample(path, encoding, _SAMPLE_LINES)
        refuse_other_text(sample.lines[0])
        delimiter = sample.hint or choose_delimiter(sample.lines, complete=sample.complete)
        return cls._at(path, encoding, delimiter, sample.start)

    @classmethod
    def reopen(cls, path: Path, encoding_name: str, delimiter: str) -> Self:
        """The table again, from what ``detect`` found; reads only the first lines."""
        encoding = byte_order_mark(path) or Encoding(encoding_name)
        return cls._at(path, encoding, delimiter, _sample(path, encoding, 1).start)

    @classmethod
    def _at(cls, path: Path, encoding: Encoding, delimiter: str, start: Position) -> Self:
        rows = Rows(path, encoding, delimiter, start)
        header = next(iter(rows), None)
        if header is None:
            raise no_rows("The file has only empty cells.")
        return cls(path, encoding, delimiter, tuple(header.cells), rows.position)

    def rows(self, start: Position | None = None, first_record: int = 1) -> Rows:
        """The data rows from ``start``, the record number ``first_record``; from the first by default."""
        return Rows(self.path, self.encoding, self.delimiter, start or self.body, first_record)


@dataclass
class Rows:
    """Iterates over the records of a file that are not blank.

    Attributes:
        keep_blank: give out records whose cells are all empty too; empty lines are none.
        position: after a record, where the next one starts.
        blank: records skipped so far because all their cells are empty.

    Raises:
        QuarantinedFile: ``unclosed_quote`` or ``oversized_row``, while iterating.
    """

    path: Path
    encoding: Encoding
    delimiter: str
    position: Position
    first_record: int = 1
    keep_blank: bool = False
    blank: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Record]:
        with self.path.open("rb") as stream:
            lines = _Lines(stream, self.encoding, self.position)
            reader = csv.reader(iter(lines), delimiter=self.delimiter)
            record_no = self.first_record
            while (cells := self._next_record(reader, lines)) is not None:
                start, self.position = self.position, lines.position
                if any(map(str.strip, cells)) or (self.keep_blank and cells):
                    yield Record(record_no, start.line_no, start.offset, cells)
                    record_no += 1
                else:
                    self.blank += 1

    def _next_record(self, reader: Iterator[list[str]], lines: _Lines) -> list[str] | None:
        lines.begin_record()
        try:
            cells = next(reader, None)
        except csv.Error:
            raise self._refusal(lines) from None
        if cells is not None and (lines.exhausted or len(lines.pending) > 1):
            self._require_sound_quotes(lines)
        return cells

    def _require_sound_quotes(self, lines: _Lines) -> None:
        """Refuse a record that spans lines because a quote is missing, not because a cell does."""
        try:
            for _ in csv.reader(lines.pending, delimiter=self.delimiter, strict=True):
                pass
        except csv.Error:
            if unsound_quote_line(lines.pending, self.delimiter, self.position.line_no) is not None:
                raise self._refusal(lines) from None

    def _refusal(self, lines: _Lines) -> QuarantinedFile:
        opened = unsound_quote_line(lines.pending, self.delimiter, self.position.line_no)
        if opened is None or lines.record_chars >= MAX_RECORD_CHARS:
            return QuarantinedFile(
                "oversized_row",
                f"The row on line {self.position.line_no} has a cell longer than {csv.field_size_limit():,} "
                f"characters, or is longer than {MAX_RECORD_CHARS:,}.",
                "Check that this is a CSV file with one row per line; cut that row down.",
            )
        return QuarantinedFile(
            "unclosed_quote",
            f"The quote opened on line {opened} is not closed where a cell ends.",
            f"The file was cut off, or line {opened} lacks a quote. Mend that line or export the file again.",
        )


def no_rows(message: str) -> QuarantinedFile:
    """The refusal of a file without data rows."""
    return QuarantinedFile("no_rows", message, "Put rows under a header row.")


def unsound_quote_line(lines: Sequence[str], delimiter: str, first_line: int) -> int | None:
    """Line of the quote that is never closed, or closed lines later in the midst of a cell; None if sound.

    Follows ``csv.reader``: a quote opens a cell only as its first character; two quotes in a quoted cell
    are one. A quoted cell that continues after its quote on the same line is sloppy, but harmless.
    """
    opened, state = first_line, "start"
    for line_no, line in enumerate(lines, first_line):
        for character in line:
            if state == "quoted":
                state = "closing" if character == '"' else "quoted"
            elif character == '"' and state in ("start", "closing"):
                opened = line_no if state == "start" else opened
                state = "quoted"
            elif character == delimiter or character in "\r\n":
                state = "start"
            elif state == "closing" and opened < line_no:
                return opened
            else:
                state = "cell"
    return opened if state == "quoted" else None


@dataclass(frozen=True, slots=True)
class _Sample:
    """The first lines from the header on; where they start; Excel's delimiter hint; True if that is all."""

    lines: list[str]
    start: Position
    hint: str | None
    complete: bool


def _sample(path: Path, encoding: Encoding, max_lines: int) -> _Sample:
    with path.open("rb") as stream:
        source = _Lines(stream, encoding, Position(0, 1))
        start, hint, lines = source.position, None, list[str]()
        try:
            for line in source:
                if not lines and (not line.strip() or (hint is None and excel_hint(line))):
                    hint = hint or excel_hint(line)
                    start = source.position
                    continue
                lines.append(line)
                if source.record_chars > _SAMPLE_CHARS or len(lines) == max_lines:
                    break
        except csv.Error:
            lines.append(source.pending[-1])
    if not lines:
        raise no_rows("The file is empty.")
    return _Sample(lines, start, hint, source.exhausted)


class _Lines:
    """The lines of a stream from a position, with their ends, counted in bytes.

    Attributes:
        offset: byte at which the next line starts.
        line_no: its number.
        pending: lines given out since ``begin_record``.
        record_chars: characters in them.
        exhausted: True once the consumer has asked for a line after the last.

    Raises:
        csv.Error: more than ``MAX_RECORD_CHARS`` in one record, while iterating.
    """

    def __init__(self, stream: io.BufferedReader, encoding: Encoding, start: Position) -> None:
        self.offset, self.line_no = max(start.offset, encoding.bom_length), start.line_no
        self.pending: list[str] = []
        self.record_chars = 0
        self.exhausted = False
        self._encoding = encoding.name
        stream.seek(self.offset)
        # newline="": LF, CRLF and lone CR all end a line and stay as they are.
        self._text = io.TextIOWrapper(stream, encoding.name, newline="")

    @property
    def position(self) -> Position:
        """Where the next line starts."""
        return Position(self.offset, self.line_no)

    def begin_record(self) -> None:
        """Forget the lines of the record before."""
        self.pending.clear()
        self.record_chars = 0

    def __iter__(self) -> Iterator[str]:
        encoding, readline = self._encoding, self._text.readline
        ascii_width = 2 if encoding.startswith("utf-16") else 1
        while line := readline(MAX_RECORD_CHARS):
            length = len(line)
            self.offset += length * ascii_width if line.isascii() else len(line.encode(encoding))
            self.line_no += 1
            self.pending.append(line)
            self.record_chars += length
            if self.record_chars >= MAX_RECORD_CHARS:
                raise csv.Error
            yield line
        self.exhausted = True
