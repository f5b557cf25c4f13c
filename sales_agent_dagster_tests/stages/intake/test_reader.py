from __future__ import annotations

import codecs
import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import QuarantinedFile
from sales_agent_dagster.stages.intake.reader import (
    MAX_RECORD_CHARS,
    CsvTable,
    Position,
    Record,
    unsound_quote_line,
)

HEADER = ("company_name", "contact_phone", "notes")


def written(rows: list[list[str]], delimiter: str = ",", line_end: str = "\n") -> str:
    text = io.StringIO()
    # Before Python 3.13 the writer leaves line ends other than its own unquoted, which no reader can undo.
    several_lines = any("\n" in cell or "\r" in cell for row in rows for cell in row)
    quoting = csv.QUOTE_ALL if several_lines else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows([HEADER, *rows])
    return text.getvalue()


def detected(tmp_path: Path, content: bytes | str) -> CsvTable:
    path = tmp_path / "file.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CsvTable.detect(path)


def refusal_of(tmp_path: Path, content: bytes | str) -> QuarantinedFile:
    with pytest.raises(QuarantinedFile) as refusal:
        for _ in detected(tmp_path, content).rows():
            pass
    return refusal.value


def test_a_record_says_where_it_starts(tmp_path: Path) -> None:
    table = detected(tmp_path, 'name,city\r\n"Ä\r\nB",Bonn\r\n\r\n,\r\nC,"Köln"')
    assert table.header == ("name", "city")
    assert table.body == Position(11, 2)
    rows = table.rows()
    assert list(rows) == [Record(1, 2, 11, ["Ä\r\nB", "Bonn"]), Record(2, 6, 30, ["C", "Köln"])]
    assert rows.blank == 2


def test_reading_can_begin_at_any_record(tmp_path: Path) -> None:
    table = detected(tmp_path, 'name,city\n"Ä\nB",Bonn\n\nC,Köln\nD,"x\ny"\n')
    everything = list(table.rows())
    for index, record in enumerate(everything):
        start = Position(record.offset, record.line_no)
        assert list(table.rows(start, record.record_no)) == everything[index:]


@pytest.mark.parametrize(
    ("text", "delimiter", "header"),
    [
        ("sep=;\r\nname;city\r\nA;b\r\n", ";", ("name", "city")),
        ("\n \n\tname\tcity\nA\tb\tc\n", "\t", ("", "name", "city")),
        ("\n\nsep=|\nname|city\nA|b\n", "|", ("name", "city")),
        (",,\nname,city\nA,b\n", ",", ("name", "city")),
        ("name\nA\n", ",", ("name",)),
        ('"name","a\nb"\n1,2\n', ",", ("name", "a\nb")),
    ],
)
def test_finds_header_and_delimiter(
    tmp_path: Path, text: str, delimiter: str, header: tuple[str, ...]
) -> None:
    table = detected(tmp_path, text)
    assert (table.delimiter, table.header) == (delimiter, header)
    assert len(list(table.rows())) == 1


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
)
@pytest.mark.parametrize("prefix", ["", "\r\n", "sep=,\r\n"])
def test_reopening_needs_only_encoding_and_delimiter(tmp_path: Path, encoding: str, prefix: str) -> None:
    table = detected(tmp_path, f"{prefix}name,city\r\nÄhrè,b\r\n".encode(encoding))
    again = CsvTable.reopen(table.path, table.encoding.name, table.delimiter)
    assert again == table
    assert list(again.rows()) == list(table.rows())
    assert next(iter(again.rows())).cells == ["Ährè", "b"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no_rows"),
        (b"\n  \r\n", "no_rows"),
        (codecs.BOM_UTF8, "no_rows"),
        (b"sep=;\n", "no_rows"),
        (b",,\n,,\n", "no_rows"),
        (b"PK\x03\x04", "binary"),
        (b"<html>\n", "not_csv"),
        (b'{"a": 1}', "not_csv"),
    ],
)
def test_refuses_what_is_no_table(tmp_path: Path, content: bytes, code: str) -> None:
    assert refusal_of(tmp_path, content).code == code


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,b\n1,"2\n3,4\n', 2),
        ('a,b\n1,2\n"3,4', 3),
        ('a,b\n1,"2\n"Foo, x",4\n5,6\n', 2),
        ('a,b\n"1\n1","2\n\n3,4\n', 3),
        ('a,"b\n1,2\n', 1),
        ('a,b\n1,"2""', 2),
        (f'a,b\n1,"2\n{"x" * 1000}\n' + f"{'y' * 1000}\n" * 200, 2),
    ],
)
def test_names_the_line_of_a_quote_that_is_not_closed(tmp_path: Path, text: str, line: int) -> None:
    refusal = refusal_of(tmp_path, text)
    assert refusal.code == "unclosed_quote"
    assert f"line {line} " in refusal.message


def test_sloppy_quotes_within_a_line_are_harmless(tmp_path: Path) -> None:
    rows = detected(tmp_path, 'a,b\n"Bob" Smith,6" pipe\n"Bob" X,"two\nlines"\n').rows()
    assert [record.cells for record in rows] == [["Bob Smith", '6" pipe'], ["Bob X", "two\nlines"]]


def test_refuses_cells_and_records_without_bounds(tmp_path: Path) -> None:
    long_cell = refusal_of(tmp_path, f"a,b\n1,2\n{'x' * 200_000},4\n")
    assert long_cell.code == "oversized_row"
    assert "line 3 " in long_cell.message
    assert refusal_of(tmp_path, "x" * (MAX_RECORD_CHARS + 10)).code == "oversized_row"
    many_cells = ('"' + "y" * 100_000 + '\n",') * 11
    assert refusal_of(tmp_path, f"a,b\n{many_cells}\n").code == "oversized_row"


def test_a_record_just_within_bounds_is_read(tmp_path: Path) -> None:
    cell = "z" * csv.field_size_limit()
    assert [record.cells for record in detected(tmp_path, f"a,b\n{cell},2\n").rows()] == [[cell, "2"]]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['"a\n', 'b",c\n'], None),
        (['"a\n', "b,c\n"], 7),
        (['a,"b\n', 'c"d\n'], 7),
        (['"x"y,z\n'], None),
        (['"a""\n', '"\n'], None),
        (['"a"\n', '"b\n'], 8),
        (['a"b\n'], None),
        ([], None),
    ],
)
def test_unsound_quote_line(lines: list[str], expected: int | None) -> None:
    assert unsound_quote_line(lines, ",", 7) == expected


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    line = "Tolmere Electric,(512) 555-0161,some notes that are as long as notes are\n"
    peaks = []
    for count in (2_000, 40_000):
        table = detected(tmp_path, ",".join(HEADER) + "\n" + line * count)
        tracemalloc.start()
        assert sum(1 for _ in table.rows()) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 50_000


CELLS = st.text(
    st.one_of(
        st.sampled_from("\n\r\t,;|\"' =;äß€\u2028\x85\x1c\ufeff"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\x00"),
    ),
    max_size=12,
)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8)
EIGHT_BIT = ("cp1252", "latin-1")


@given(
    rows=ROWS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", *EIGHT_BIT]),
    delimiter=st.sampled_from(",;\t|"),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_cells_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    encoding: str,
    delimiter: str,
    line_end: str,
) -> None:
    text = written(rows, delimiter, line_end)
    if encoding in EIGHT_BIT:
        text = text.encode(encoding, "ignore").decode(encoding)
        rows = [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)][1:]
        # Bytes that happen to be UTF-8, or fit Windows-1252, are taken for it: nothing says otherwise.
        assume(_eight_bit_choice(text.encode(encoding)) == encoding)
    path = tmp_path_factory.getbasetemp() / "round_trip.csv"
    path.write_bytes(text.encode(encoding))
    table = CsvTable.detect(path)
    assert (table.header, table.delimiter) == (HEADER, delimiter)
    found = list(table.rows())
    kept = [row for row in rows if any(cell.strip() for cell in row)]
    assert [record.cells for record in found] == kept
    assert [record.record_no for record in found] == list(range(1, len(kept) + 1))
    for index, record in enumerate(found):
        start = Position(record.offset, record.line_no)
        assert list(table.rows(start, record.record_no)) == found[index:]


def _eight_bit_choice(content: bytes) -> str | None:
    for encoding in ("utf-8", "cp1252", "latin-1"):
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return None
