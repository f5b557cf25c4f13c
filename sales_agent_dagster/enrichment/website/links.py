"""Which pages of a website say who the company is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from sales_agent_dagster.domain.values.web import host_without_www
from sales_agent_dagster.enrichment.website.document import Link

_WORDS = r"(?<![a-z])(?:{})(?![a-z])"
_PAGES = {
    name: re.compile(_WORDS.format(words))
    for name, words in {
        "contact": r"contact(?:[ _-]?us)?|get[ _-]in[ _-]touch|locations?|find[ _-]us",
        "team": r"(?:our|the|meet)[ _-](?:the[ _-]|our[ _-])?(?:team|staff|people|crew)|team|staff|leadership"
        r"|management",
        "about": r"about(?:[ _-]?us)?|our[ _-](?:story|company|history)|who[ _-]we[ _-]are|company|history",
        "services": r"services?(?![ _-]?area)|what[ _-]we[ _-]do|products?|solutions",
        "brands": r"brands?|manufacturers?|dealers?[ _-]of",
        "area": r"service[ _-]areas?|areas?[ _-](?:we[ _-])?serve[d]?",
    }.items()
}
"""Kinds of pages, the most telling first, and the words of their links and addresses."""

_NEVER = re.compile(
    r"\.(?:pdf|jpe?g|png|gif|webp|svg|zip|docx?|xlsx?|mp4|ics|xml|css|js)$"
    r"|(?<![a-z])(?:blog|news|privacy|terms|login|log-?in|sign-?in|cart|checkout|career|careers|jobs|wp-admin"
    r"|wp-json|feed|tag|category|review|reviews|account)(?![a-z])"
)


def telling_pages(base: str, links: Iterable[Link], most: int) -> list[tuple[str, str]]:
    """Kinds and addresses of pages to read after ``base``: one per kind first, short paths first.

    Only pages of the same host are taken; ``www.`` makes no difference.
    """
    host = host_without_www(urlsplit(base).hostname or "")
    found: dict[str, list[tuple[int, int, str]]] = {}
    seen = {_same(base)}
    for place, link in enumerate(links):
        url = _resolved(base, link.href)
        if url is None or host_without_www(urlsplit(url).hostname or "") != host or _same(url) in seen:
            continue
        path = urlsplit(url).path.casefold()
        kind = _kind(path, link.text.casefold())
        if kind is not None:
            seen.add(_same(url))
            found.setdefault(kind, []).append((path.strip("/").count("/"), place, url))
    ranked = [
        (rank, order, kind, url)
        for order, kind in enumerate(_PAGES)
        for rank, (_, _, url) in enumerate(sorted(found.get(kind, ())))
    ]
    return [(kind, url) for _, _, kind, url in sorted(ranked)[:most]]


def _kind(path: str, text: str) -> str | None:
    if _NEVER.search(path):
        return None
    for words in (path, text if len(text) < 40 else ""):
        for kind, pattern in _PAGES.items():
            if pattern.search(words):
                return kind
    return None


def _resolved(base: str, href: str) -> str | None:
    try:
        url = urljoin(base, href)
        parts = urlsplit(url)
    except ValueError:
        return None
    return url.partition("#")[0] if parts.scheme in ("http", "https") else None


def _same(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.path.rstrip("/").casefold(), parts.query
