from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import QuarantinedFile
from sales_agent_dagster.stages.intake.encoding import Encoding, byte_order_mark, detect_encoding

TEXT = "company_name,city\nTölmère Électrique,Québec\n"
BLOCK = 1 << 20


def detect(tmp_path: Path, content: bytes) -> Encoding:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    return detect_encoding(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", Encoding("utf-8")),
        (b"plain", Encoding("utf-8")),
        (TEXT.encode(), Encoding("utf-8")),
        (TEXT.encode("utf-8-sig"), Encoding("utf-8", 3)),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), Encoding("utf-16-le", 2)),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), Encoding("utf-16-be", 2)),
        (TEXT.encode("utf-16-le"), Encoding("utf-16-le")),
        (TEXT.encode("utf-16-be"), Encoding("utf-16-be")),
        (TEXT.encode("cp1252"), Encoding("cp1252")),
        ("“curly”".encode("cp1252"), Encoding("cp1252")),
        (TEXT.encode("latin-1") + b"\x81", Encoding("latin-1")),
    ],
)
def test_finds_the_encoding(tmp_path: Path, content: bytes, expected: Encoding) -> None:
    assert detect(tmp_path, content) == expected


@pytest.mark.parametrize("byte", [b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d"])
def test_bytes_without_a_meaning_in_cp1252_mean_latin1(tmp_path: Path, byte: bytes) -> None:
    assert detect(tmp_path, b"caf\xe9 " + byte).name == "latin-1"


def test_the_last_byte_of_a_long_file_counts(tmp_path: Path) -> None:
    assert detect(tmp_path, b"a" * (2 * BLOCK)).name == "utf-8"
    assert detect(tmp_path, b"a" * (2 * BLOCK) + b"\xe9").name == "cp1252"
    assert detect(tmp_path, b"a" * (2 * BLOCK) + b"\xe9\x81").name == "latin-1"


def test_a_character_cut_by_a_block_border_is_whole(tmp_path: Path) -> None:
    assert detect(tmp_path, b"a" * (BLOCK - 1) + "é".encode() + b"b").name == "utf-8"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"PK\x03\x04rest", "Excel"),
        (b"\xd0\xcf\x11\xe0rest", ".xls"),
        (b"%PDF-1.7", "PDF"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"SQLite format 3\x00", "SQLite"),
        (b"a,b\n1,\x002\n", "NUL"),
        (b"a" * (BLOCK + 5) + b"\x00", "NUL"),
        (codecs.BOM_UTF16_LE + "a\x00b".encode("utf-16-le"), "NUL"),
    ],
)
def test_refuses_binary_files(tmp_path: Path, content: bytes, word: str) -> None:
    with pytest.raises(QuarantinedFile) as refusal:
        detect(tmp_path, content)
    assert refusal.value.code == "binary"
    assert word in refusal.value.message
    assert "export it as CSV" in refusal.value.remedy


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + b"caf\xe9",
        codecs.BOM_UTF16_LE + b"a\x00b",
        codecs.BOM_UTF16_BE + b"\xd8\x00\x00a",
        "company,city\n".encode("utf-16-le")[:-1],
    ],
)
def test_refuses_bytes_that_contradict_the_declared_encoding(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(QuarantinedFile) as refusal:
        detect(tmp_path, content)
    assert refusal.value.code == "encoding"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", None),
        (b"abc", None),
        (codecs.BOM_UTF8, Encoding("utf-8", 3)),
        (b"\xff\xfe", Encoding("utf-16-le", 2)),
    ],
)
def test_reads_the_byte_order_mark(tmp_path: Path, content: bytes, expected: Encoding | None) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    assert byte_order_mark(path) == expected


@given(content=st.binary(max_size=300))
def test_whatever_is_accepted_decodes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(content)
    try:
        encoding = detect_encoding(path)
    except QuarantinedFile:
        return
    decoded = content[encoding.bom_length :].decode(encoding.name)
    assert decoded.encode(encoding.name) == content[encoding.bom_length :]
