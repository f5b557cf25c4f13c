"""What a host of the farm does: an honest website, or one of the ways in which websites are not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from sales_agent_dagster_tests.website_farm import pages
from sales_agent_dagster_tests.website_farm.firms import Firm

HTML = (b"content-type", b"text/html; charset=utf-8")
TEXT = (b"content-type", b"text/plain")
BOMB_BYTES = 32_000_000
HUGE_BYTES = 4_000_000

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Attributes:
        does: answer; hang before it, or after half of it; reset the connection; drip it byte by byte.
    """

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=lambda: [HTML])
    does: Literal["answer", "hang", "hang_inside", "reset", "drip"] = "answer"


Page = Callable[[Firm, str], Reply]


def html(text: str, status: int = 200) -> Reply:
    return Reply(status, text.encode())


def redirect(location: str, status: int = 302) -> Reply:
    return Reply(status, b"", [(b"location", location.encode())])


NOT_FOUND = html("<html><body><h1>404 Not Found</h1></body></html>", 404)


def plain(firm: Firm, path: str) -> Reply:
    """An honest website without structured data."""
    found = _HONEST.get(path)
    return html(found(firm)) if found else NOT_FOUND


_HONEST: dict[str, Callable[[Firm], str]] = {
    "/": pages.home,
    "/about-us": pages.about,
    "/team": pages.team,
    "/services": pages.services,
    "/contact": pages.contact,
}


def rich(firm: Firm, path: str) -> Reply:
    """With structured data."""
    return html(pages.home(firm, head=pages.json_ld(firm))) if path == "/" else plain(firm, path)


def cookies(firm: Firm, path: str) -> Reply:
    """With a consent dialog before everything."""
    return html(pages.home(firm, before=pages.COOKIES)) if path == "/" else plain(firm, path)


def only_cookies(firm: Firm, path: str) -> Reply:
    return html(f"<html><body>{pages.COOKIES}</body></html>") if path == "/" else NOT_FOUND


def packed(firm: Firm, path: str) -> Reply:
    """gzip on the home page, deflate elsewhere."""
    reply = plain(firm, path)
    name, body = (
        (b"gzip", gzip.compress(reply.body)) if path == "/" else (b"deflate", zlib.compress(reply.body))
    )
    return Reply(reply.status, body, [HTML, (b"content-encoding", name)])


def latin(firm: Firm, path: str) -> Reply:
    """Says UTF-8, is Windows-1252."""
    reply = plain(firm, path)
    text = reply.body.decode().replace("Ask for", "Caf\u00e9 M\u00fcller\u2019s friends ask for")
    return Reply(reply.status, text.encode("cp1252"), reply.headers)


def broken(firm: Firm, path: str) -> Reply:
    """Tags that are never closed, attributes without quotes, bytes that are no text."""
    reply = plain(firm, path)
    text = reply.body.replace(b"</p>", b"").replace(b"</div>", b"<div></span>").replace(b"</main>", b"<b><i>")
    return Reply(reply.status, b"\x00\xff<<<" + text + b"<table><tr><td", reply.headers)


def huge(firm: Firm, path: str) -> Reply:
    reply = plain(firm, path)
    filler = b"<p>word</p>" * (HUGE_BYTES // 11)
    return Reply(reply.status, reply.body + filler, reply.headers)


@lru_cache(maxsize=1)
def _bomb() -> bytes:
    return gzip.compress(b"\0" * BOMB_BYTES, 6)


def bomb(firm: Firm, path: str) -> Reply:
    return Reply(200, _bomb(), [HTML, (b"content-encoding", b"gzip")])


def loop(firm: Firm, path: str) -> Reply:
    return redirect("/b" if path == "/" else "/")


def _to(location: str) -> Page:
    return lambda firm, path: redirect(location)


def to_www(firm: Firm, path: str) -> Reply:
    """Another host of the same firm has the pages; it answers as an honest one."""
    return redirect(f"http://www.{firm.host}{path}", 301)


def parked(firm: Firm, path: str) -> Reply:
    return html(pages.PARKED.format(host=firm.host))


def registrar(firm: Firm, path: str) -> Reply:
    return html(pages.REGISTRAR.format(host=firm.host))


def wall(firm: Firm, path: str) -> Reply:
    return Reply(
        403, pages.WALL.encode(), [HTML, (b"server", b"cloudflare"), (b"cf-mitigated", b"challenge")]
    )


def _status(status: int, text: str = "<html><body>no</body></html>") -> Page:
    return lambda firm, path: html(text, status)


def _does(what: Literal["hang", "hang_inside", "reset", "drip"]) -> Page:
    return lambda firm, path: Reply(body=pages.home(firm).encode(), does=what)


def pdf(firm: Firm, path: str) -> Reply:
    return Reply(200, b"%PDF-1.7 ...", [(b"content-type", b"application/pdf")])


def hang_inside_site(firm: Firm, path: str) -> Reply:
    """Every page but the home page hangs."""
    return plain(firm, path) if path == "/" else Reply(does="hang")


KINDS: dict[str, Page] = {
    "plain": plain,
    "rich": rich,
    "cookies": cookies,
    "only_cookies": only_cookies,
    "packed": packed,
    "latin": latin,
    "broken": broken,
    "huge": huge,
    "bomb": bomb,
    "loop": loop,
    "to_www": to_www,
    "to_private": _to("http://10.0.0.7/admin"),
    "to_metadata": _to("http://169.254.169.254/latest/meta-data/"),
    "to_local": _to("http://inside.example/secret"),
    "to_file": _to("file:///etc/passwd"),
    "parked": parked,
    "registrar": registrar,
    "wall": wall,
    "soft_wall": _status(200, pages.SOFT_WALL),
    "too_many": _status(429),
    "forbidden": _status(403),
    "error": _status(500),
    "missing": _status(404),
    "pdf": pdf,
    "hang": _does("hang"),
    "hang_inside": _does("hang_inside"),
    "hang_later": hang_inside_site,
    "reset": _does("reset"),
    "drip": _does("drip"),
}
"""What a host may do, by name."""
