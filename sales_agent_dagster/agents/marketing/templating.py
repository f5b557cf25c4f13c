"""Loads the templates: Jinja2, plain text."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from sales_agent_dagster.domain.hashing import content_hash

TEMPLATES = Path(__file__).with_name("templates")
_WORDING = {"social": "segments", "social_plain": "segments", "blog": "segments", "blog_plain": "segments"}


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # Plain text, not HTML: autoescaping would put "&amp;" into company names. Values are cleaned where
    # they enter the fact sheet, and are never templates themselves.
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@lru_cache(maxsize=32)
def template(name: str) -> Template:
    """The frame or the wording of that name."""
    return _environment().get_template(f"{name}.j2")


@lru_cache(maxsize=4)
def macros(name: str) -> dict[str, Callable[..., Any]]:
    """The macros of a wording template, by name."""
    return dict(vars(template(name).module))


@lru_cache(maxsize=32)
def version(name: str) -> str:
    """Name of a frame, and the hash of its file and of the wording that goes into it."""
    files = (name, _WORDING.get(name, "angles"))
    texts = [(TEMPLATES / f"{file}.j2").read_text(encoding="utf-8") for file in files]
    return f"{name}-{content_hash(texts)[:12]}"


@lru_cache(maxsize=1)
def templates_version() -> str:
    """Hash of all templates: an edit of any recomputes the drafts."""
    return content_hash([path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.glob("*.j2"))])[:12]
