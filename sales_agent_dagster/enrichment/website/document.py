"""A page as visitors see it, taken apart: words, headings, links, structured data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from selectolax.lexbor import LexborHTMLParser, LexborNode

from sales_agent_dagster.domain.values.text import clean_cell, one_line

MAX_LINES = 4000
MAX_LINE = 1000
"""Characters kept of one line: no sentence is longer."""

MAX_TAGS = 20_000
"""What comes after so many tags is cut: a page of mere tags would take seconds."""

MAX_LINKS = 600
MAX_OBJECTS = 500
"""Structured objects of one page that are looked at."""

MAX_DEPTH = 12
MAX_DIALOG = 1500
"""Characters of a consent dialog; what is longer is a page in a wrapper that is named after one."""

_DATA = 'script[type="application/ld+json"]'
_UNSEEN = (
    'script,style,noscript,template,svg,iframe,object,[hidden],[aria-hidden="true"],'
    '[style*="display:none"],[style*="display: none"]'
)
_DIALOGS = ",".join(
    f'{tag}[{attribute}*="{word}" i]'
    for tag in ("div", "section", "aside", "dialog")
    for attribute in ("id", "class")
    for word in ("cookie", "consent", "gdpr")
)
_BLOCKS = "h1,h2,h3,h4,h5,h6,p,li,td,th,dd,dt,figcaption,address,summary"
_INLINE = ["b", "strong", "em", "i", "u", "small", "font", "mark", "abbr"]
_QUOTED = "blockquote,[class*=testimonial i],[class*=review i]"


@dataclass(frozen=True, slots=True)
class Link:
    """A link: where to, and its words."""

    href: str
    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """One page.

    Attributes:
        headings: words of its headings, in order.
        blocks: paragraphs, list items, cells and headings, each on one line; no customers' words.
        lines: everything visible, a line per piece; no customers' words.
        images: descriptions of images, such as brands' logos.
        data: objects of its structured data (JSON-LD), however deep, each with the key it is under.
        sources: addresses of its scripts and style sheets, and its generator.
        tree: the parsed page as its words were read from it.
    """

    title: str
    description: str
    site_name: str
    refresh: str | None
    headings: tuple[str, ...]
    blocks: tuple[str, ...]
    lines: tuple[str, ...]
    links: tuple[Link, ...]
    images: tuple[str, ...]
    data: tuple[tuple[str, dict[str, Any]], ...]
    sources: tuple[str, ...]
    tree: LexborHTMLParser

    @property
    def text(self) -> str:
        """Everything visible."""
        return "\n".join(self.lines)


def read_document(html: str) -> Document:
    """The page that the HTML gives in a browser without scripts; never raises, whatever it is."""
    tree = LexborHTMLParser(_bounded(html.replace("\x00", "")))
    data = tuple(_data(tree))
    sources = tuple(_sources(tree))
    title = line_of(tree.css_first("title"))
    description = _meta(tree, 'meta[name="description" i]') or _meta(
        tree, 'meta[property="og:description" i]'
    )
    site_name = _meta(tree, 'meta[property="og:site_name" i]')
    refresh = _meta(tree, 'meta[http-equiv="refresh" i]')
    for node in tree.css(_UNSEEN):
        node.decompose()
    for node in tree.css(_DIALOGS):
        if len(node.text(deep=True)) < MAX_DIALOG:
            node.decompose()
    links = tuple(
        Link(href.strip(), line_of(node))
        for node in tree.css("a[href]")[:MAX_LINKS]
        if (href := node.attributes.get("href"))
    )
    images = tuple(
        dict.fromkeys(
            filter(None, (_shown(node.attributes.get("alt") or "") for node in tree.css("img[alt]")))
        )
    )
    seen = LexborHTMLParser(tree.html or "")
    for node in seen.css(_QUOTED):
        if node.tag not in ("html", "body", "main"):
            node.decompose()
    blocks = tuple(dict.fromkeys(filter(None, map(line_of, seen.css(_BLOCKS)[:MAX_LINES]))))
    headings = tuple(filter(None, map(line_of, seen.css("h1,h2,h3")[:200])))
    body = seen.body
    if body is not None:
        body.unwrap_tags(_INLINE)
        body.merge_text_nodes()
    lines = _lines(body)
    return Document(
        title,
        description,
        site_name,
        refresh,
        headings,
        blocks,
        lines,
        links,
        images,
        data,
        sources,
        seen,
    )


def _bounded(html: str) -> str:
    if html.count("<") <= MAX_TAGS:
        return html
    last = next(islice(re.finditer("<", html), MAX_TAGS, None))
    return html[: last.start()]


def _lines(node: LexborNode | None) -> tuple[str, ...]:
    if node is None:
        return ()
    found = node.text(deep=True, separator="\n", strip=True).split("\n")[:MAX_LINES]
    return tuple(filter(None, map(_shown, found)))


def line_of(node: LexborNode | None) -> str:
    """The words of an element on one line."""
    return _shown(node.text(deep=True, separator=" ", strip=True)) if node is not None else ""


def _shown(text: str) -> str:
    return one_line(clean_cell(text))[:MAX_LINE]


def _meta(tree: LexborHTMLParser, selector: str) -> str:
    node = tree.css_first(selector)
    return _shown(node.attributes.get("content") or "") if node is not None else ""


def _sources(tree: LexborHTMLParser) -> Iterator[str]:
    generator = _meta(tree, 'meta[name="generator" i]')
    if generator:
        yield generator
    for node in tree.css("script[src],link[href],iframe[src]")[:MAX_LINKS]:
        source = node.attributes.get("src") or node.attributes.get("href")
        if source:
            yield source[:300]


def _data(tree: LexborHTMLParser) -> Iterator[tuple[str, dict[str, Any]]]:
    left = MAX_OBJECTS
    for node in tree.css(_DATA):
        try:
            value = orjson.loads(node.text(deep=True).strip())
        except orjson.JSONDecodeError:
            continue
        for found in _objects("", value, MAX_DEPTH):
            yield found
            left -= 1
            if not left:
                return


def _objects(key: str, value: Any, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object inside, under the key it has; reviews and their authors are not the company's words."""
    if depth == 0 or key in ("review", "reviews", "comment", "author"):
        return
    if isinstance(value, list):
        for item in value:
            yield from _objects(key, item, depth - 1)
    elif isinstance(value, dict):
        yield key, value
        for name, item in value.items():
            yield from _objects(name, item, depth - 1)
