"""Pages for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.website.document import read_document
from sales_agent_dagster.enrichment.website.reading import ReadPage, facts_of, read_page

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def page(html: str, kind: str = "home", url: str = "https://acme.example/") -> ReadPage:
    return read_page(kind, url, NOW, read_document(html))


def facts(html: str, kind: str = "home", **options: str) -> list[Fact]:
    return facts_of([page(html, kind, **options)], "acme.example")


def values(html: str, field: str, kind: str = "home") -> list[str]:
    """Values of a field that one page gives, the surest first."""
    return [fact.value for fact in facts(html, kind) if fact.field == field]


def data(json: str) -> str:
    return f'<script type="application/ld+json">{json}</script>'
