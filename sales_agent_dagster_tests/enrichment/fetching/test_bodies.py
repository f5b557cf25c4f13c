"""Bytes to text, within bounds."""

from __future__ import annotations

import asyncio
import codecs
import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.enrichment.fetching.bodies import Body, decode, is_text, media_type, read_body
from sales_agent_dagster.enrichment.fetching.failures import Reason, SiteFailed

TEXT = b"<p>Standby generators and service.</p>" * 40


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def read(data: bytes, encoding: str = "", most: int = 10_000, step: int = 7) -> Body:
    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(data), step):
            yield data[start : start + step]

    return asyncio.run(read_body(parts(), encoding, most))


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("x-gzip", gzip.compress(TEXT, mtime=0)),
        (" GZIP ", gzip.compress(TEXT, mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
    ],
)
@pytest.mark.parametrize("step", [1, 100, 100_000])
def test_bodies_are_unpacked_however_they_come(encoding: str, data: bytes, step: int):
    assert read(data, encoding, step=step) == Body(TEXT, cut=False)


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "nonsense"])
def test_what_was_not_offered_is_not_unpacked(encoding: str):
    with pytest.raises(SiteFailed) as caught:
        read(TEXT, encoding)
    assert caught.value.reason is Reason.PROTOCOL


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_broken_packing_is_a_failure_of_the_site(encoding: str):
    with pytest.raises(SiteFailed) as caught:
        read(b"\x1f\x8bnonsense" * 10, encoding)
    assert caught.value.reason is Reason.PROTOCOL


@pytest.mark.parametrize("data", [TEXT, gzip.compress(TEXT, mtime=0)])
@pytest.mark.parametrize("most", [1, 100, len(TEXT) - 1, len(TEXT), len(TEXT) + 1])
def test_no_more_than_allowed_is_kept(data: bytes, most: int):
    body = read(data, "" if data is TEXT else "gzip", most)
    assert body == Body(TEXT[:most], cut=most < len(TEXT))


@pytest.mark.parametrize("step", [1000, 1_000_000])
def test_a_bomb_is_neither_unpacked_nor_taken_for_a_page(step: int):
    bomb = gzip.compress(b"\0" * 50_000_000, 1)
    tracemalloc.start()
    try:
        with pytest.raises(SiteFailed) as caught:
            read(bomb, "gzip", 200_000, step)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.reason is Reason.TOO_LARGE
    assert peak < 3_000_000


def test_a_page_that_packs_well_is_cut_only():
    page = gzip.compress(b"".join(b"<li>row %d</li>" % number for number in range(50_000)))
    assert read(page, "gzip", 100_000, 4096).cut


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("text/html; charset=utf-8", ("text/html", "utf-8")),
        ('Text/HTML;Charset="ISO-8859-1"', ("text/html", "ISO-8859-1")),
        ("application/pdf", ("application/pdf", None)),
        ("", ("", None)),
        ("text/html; charset=", ("text/html", None)),
    ],
)
def test_content_types_are_read(header: str, expected: tuple[str, str | None]):
    assert media_type(header) == expected


def test_a_body_without_a_type_is_text_when_it_looks_like_html():
    assert is_text("", b"\n <!doctype html>")
    assert not is_text("", b"%PDF-1.7")
    assert is_text("text/plain", b"")
    assert not is_text("image/png", b"<")


WORDS = "Caf\u00e9 M\u00fcller\u2019s \u2013 \u20ac 100"


@pytest.mark.parametrize(
    ("data", "declared", "expected"),
    [
        (WORDS.encode(), None, WORDS),
        (WORDS.encode(), "iso-8859-1", WORDS),  # declared wrongly: the bytes are valid UTF-8
        (WORDS.encode("cp1252"), "utf-8", WORDS),
        (WORDS.encode("cp1252"), "iso-8859-1", WORDS),  # what browsers make of that label
        (WORDS.encode("cp1252"), "windows-1252", WORDS),
        (b'<meta charset="cp1252">' + WORDS.encode("cp1252"), None, '<meta charset="cp1252">' + WORDS),
        (
            b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">\x80',
            "no-such-charset",
            '<meta http-equiv="Content-Type" content="text/html; charset=windows-1252">\u20ac',
        ),
        (codecs.BOM_UTF8 + WORDS.encode(), "iso-8859-1", WORDS),
        (codecs.BOM_UTF16_LE + WORDS.encode("utf-16-le"), "utf-8", WORDS),
        (codecs.BOM_UTF16_BE + WORDS.encode("utf-16-be"), None, WORDS),
        ("\u65e5\u672c".encode("shift_jis"), "shift_jis", "\u65e5\u672c"),
        ("\u65e5\u672c".encode("iso-2022-jp"), "iso-2022-jp", "\u65e5\u672c"),
        (b"plain", "utf-7", "plain"),
        (b"plain", "hex", "plain"),
        (b"plain", "utf-16", "plain"),
        (WORDS.encode()[:-8], "utf-8", WORDS[:12]),
        (b"", None, ""),
    ],
)
def test_charsets(data: bytes, declared: str | None, expected: str):
    assert decode(data, declared)[: len(expected) or None] == expected


def test_a_charset_nobody_declares_is_found_by_its_looks():
    text = "\u041c\u044b \u0443\u0441\u0442\u0430\u043d\u0430\u0432\u043b\u0438\u0432\u0430\u0435\u043c "
    text = (text + "\u0433\u0435\u043d\u0435\u0440\u0430\u0442\u043e\u0440\u044b. ") * 20
    assert decode(b"<p>" * 5000 + text.encode("cp1251"), None).endswith(text)


@given(
    st.binary(max_size=200), st.sampled_from([None, "utf-8", "utf-16", "cp1252", "big5", "zlib", "\u00e9"])
)
def test_any_bytes_become_text(data: bytes, declared: str | None):
    assert isinstance(decode(data, declared), str)
