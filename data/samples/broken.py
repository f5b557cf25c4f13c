"""Files as they go wrong, or merely look wrong, each with what must become of it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

_HEADER = "company_name,contact_phone,city,state,notes"
_ROWS = (
    "Tolmere Electric LLC,(512) 555-0161,Austin,TX,first call in May",
    "Orvanne Power Inc,713-555-0162,Houston,TX,",
    "Quillfen Heating & Air,3035550163,Denver,CO,asks for e-mail",
)
_TEXT = "\n".join((_HEADER, *_ROWS)) + "\n"
_ACCENTED = _TEXT.replace("Quillfen", "Québécoise d'Énergie").replace("Tolmere", "Tölmère")


@dataclass(frozen=True)
class BrokenFile:
    """One file.

    Attributes:
        code: why it is quarantined; None when it is accepted.
        imported: data rows that become leads.
        rejected: data rows that are refused, each with a reason.
        about: what is odd about it.
    """

    name: str
    content: bytes
    about: str
    code: str | None = None
    imported: int = 0
    rejected: int = 0


def broken_files() -> list[BrokenFile]:
    """All of them, by name."""
    return sorted([*_refused(), *_odd_but_fine(), *_with_bad_rows()], key=lambda file: file.name)


def expectations() -> str:
    """``expected.yaml``: outcome per file."""
    lines = ["# What becomes of each file. Written by generate.py; a test holds the import to it."]
    for file in broken_files():
        lines.append(f"{file.name}:")
        lines.append(f"  about: {file.about}")
        if file.code:
            lines += ["  outcome: quarantined", f"  code: {file.code}"]
        else:
            lines += ["  outcome: accepted", f"  imported: {file.imported}", f"  rejected: {file.rejected}"]
    return "\n".join(lines) + "\n"


def _refused() -> list[BrokenFile]:
    cut = _TEXT.replace("first call in May", '"first call in May, then')
    prose = (
        "Dear team, please find below the dealers we met, as promised.\nThe first one was friendly.\nBye\n"
    )
    html = "<!DOCTYPE html>\n<html><body><table><tr><td>Tolmere Electric</td></tr></table></body></html>\n"
    return [
        BrokenFile("empty.csv", b"", "no bytes at all", "no_rows"),
        BrokenFile("blank_lines.csv", b"\n \n\r\n", "only blank lines", "no_rows"),
        BrokenFile("header_only.csv", f"{_HEADER}\n".encode(), "a header and nothing below it", "no_rows"),
        BrokenFile("binary.csv", bytes(range(256)) * 4, "random bytes", "binary"),
        BrokenFile("nul_bytes.csv", _TEXT.replace("May", "M\0y").encode(), "a NUL byte in a cell", "binary"),
        BrokenFile("workbook.csv", _workbook(), "an Excel workbook renamed to .csv", "binary"),
        BrokenFile("document.csv", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "a PDF renamed to .csv", "binary"),
        BrokenFile("cut_in_quote.csv", cut.encode(), "cut off inside a quoted cell", "unclosed_quote"),
        BrokenFile(
            "missing_quote.csv",
            (cut + 'Brackwater Solar,"(813) 555-0164",Tampa,FL,"x"\n').encode(),
            "a quote opened on line 2 swallows the lines up to the next quote",
            "unclosed_quote",
        ),
        BrokenFile(
            "unknown_header.csv",
            b"foo,bar,baz\n1,2,3\n4,5,6\n",
            "no column that means anything",
            "header_unknown",
        ),
        BrokenFile(
            "no_header.csv", "\n".join(_ROWS).encode(), "data from the first line on", "header_missing"
        ),
        BrokenFile("prose.csv", prose.encode(), "a letter", "not_csv"),
        BrokenFile("records.csv", b'[{"company_name": "Tolmere Electric"},\n {"x": 1}]\n', "JSON", "not_csv"),
        BrokenFile("page.csv", html.encode(), "a web page", "not_csv"),
        BrokenFile(
            "utf16_cut.csv", _TEXT.encode("utf-16")[:-1], "UTF-16 cut off inside a character", "encoding"
        ),
    ]


def _odd_but_fine() -> list[BrokenFile]:
    def fine(name: str, content: bytes, about: str) -> BrokenFile:
        return BrokenFile(name, content, about, imported=3)

    semicolons = "\n".join((_HEADER, *_ROWS)).replace(",", ";")
    quoted = _TEXT.replace("first call in May", '"first call\nin May, ""maybe"""')
    return [
        fine("utf8_bom.csv", _ACCENTED.encode("utf-8-sig"), "UTF-8 with a byte order mark"),
        fine(
            "utf16_le_bom.csv",
            b"\xff\xfe" + _ACCENTED.encode("utf-16-le"),
            "UTF-16, little-endian, with mark",
        ),
        fine(
            "utf16_be_bom.csv", b"\xfe\xff" + _ACCENTED.encode("utf-16-be"), "UTF-16, big-endian, with mark"
        ),
        fine("utf16_le.csv", _ACCENTED.encode("utf-16-le"), "UTF-16, little-endian, without mark"),
        fine("utf16_be.csv", _ACCENTED.encode("utf-16-be"), "UTF-16, big-endian, without mark"),
        fine(
            "cp1252.csv", _ACCENTED.replace("May", "“May”").encode("cp1252"), "Windows-1252 with curly quotes"
        ),
        fine(
            "latin1.csv",
            _ACCENTED.replace("May", "M\x81y").encode("latin-1"),
            "a byte that only Latin-1 has a character for",
        ),
        fine("semicolon.csv", semicolons.encode(), "semicolons, no line end at the end"),
        fine("excel_sep.csv", f"sep=;\r\n{semicolons}\r\n".encode(), "Excel's sep= line"),
        fine("tab.csv", _TEXT.replace(",", "\t").encode(), "tabs"),
        fine("pipe.csv", _TEXT.replace(",", "|").encode(), "pipes"),
        fine("crlf.csv", _TEXT.replace("\n", "\r\n").encode(), "Windows line ends"),
        fine("lone_cr.csv", _TEXT.replace("\n", "\r").encode(), "old Macintosh line ends"),
        fine("quoted_newline.csv", quoted.encode(), "a line break, a comma and quotes inside a quoted cell"),
        fine("leading_blanks.csv", f"\n\n{_TEXT}\n,,,,\n".encode(), "blank lines above and below"),
        fine(
            "header_aliases.csv",
            _TEXT.replace(_HEADER, " Company ,TEL,Town,st.,Remarks").encode(),
            "other names for the columns, other case, spaces",
        ),
    ]


def _with_bad_rows() -> list[BrokenFile]:
    ragged = [_HEADER, "Tolmere Electric LLC,(512) 555-0161", f"{_ROWS[1]},,", f"{_ROWS[2]},surplus,cells"]
    junk = (_HEADER, *_ROWS, "Accept All Cookies,(512) 555-0165,,,", "OFFERING,,,,", ",(512) 555-0166,,,")
    twice = "company_name,company_name,contact_phone\nTolmere Electric,Tolmere,5125550161\n"
    return [
        BrokenFile(
            "ragged_rows.csv", "\n".join(ragged).encode(), "short and long rows", imported=2, rejected=1
        ),
        BrokenFile(
            "junk_names.csv", "\n".join(junk).encode(), "scraped junk for names", imported=3, rejected=3
        ),
        BrokenFile("duplicate_header.csv", twice.encode(), "one column name twice", "header_ambiguous"),
    ]


def _workbook() -> bytes:
    """A zip archive with a workbook's first part in it; fixed date, so always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("[Content_Types].xml", (1980, 1, 1, 0, 0, 0)), "<Types/>")
    return buffer.getvalue()
