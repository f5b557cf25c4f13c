"""LinkedIn without asking LinkedIn: a CSV that the user exported there, matched to leads.

Its User Agreement (8.2) forbids scraping and automation, so linkedin.com is never fetched:
``fetching.targets`` refuses it. Pages of companies that websites and other providers
name are kept in the one form of ``domain.values.web.read_linkedin``.

The seam for a licensed API: who holds an approved token writes a provider with ``needs_key`` that asks
``organizations?q=vanityName&vanityName=<slug>`` (with the headers ``LinkedIn-Version`` and
``X-Restli-Protocol-Version: 2.0.0``), the slug of ``company_linkedin`` as its key and ``cache="none"``: the
terms limit how long profile data may be kept. It registers beside the others in ``registry`` and
`providers.PROVIDER_NAMES`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.name_core import name_core
from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.text import clean_cell, one_line
from sales_agent_dagster.domain.values.web import read_linkedin, read_website
from sales_agent_dagster.enrichment.facts import Fact, fact
from sales_agent_dagster.enrichment.providers import (
    Found,
    LookupRequest,
    NotFound,
    Outcome,
    ProviderSpec,
)
from sales_agent_dagster.enrichment.subjects import is_business_address, own_domain
from sales_agent_dagster.settings import Settings

BY_DOMAIN, BY_NAME = 0.75, 0.6
"""Confidence of a row matched by its website or address, and of one matched by the company's name alone."""

MAX_BYTES = 64_000_000
PERSONS = 3
_ENOUGH = ("company", "website")
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "first": ("first name", "firstname"),
    "last": ("last name", "lastname"),
    "title": ("position", "title", "job title"),
    "email": ("email address", "email", "e-mail"),
    "company": ("company", "company name", "account name", "organization", "organisation"),
    "website": ("website", "company website", "domain", "company domain"),
    "page": ("url", "profile url", "linkedin url", "linkedin", "person linkedin url"),
    "company_page": ("company linkedin url", "company url", "linkedin company url", "account url"),
    "industry": ("industry", "company industry"),
    "employees": ("employees", "employee count", "company size", "headcount", "# employees"),
}
"""Headers of LinkedIn's own export of connections and of lists that its sales tools give."""

SPEC = ProviderSpec(
    name="linkedin",
    offers=frozenset(
        {"contact_person", "contact_linkedin", "contact_email", "company_linkedin", "industry", "employees"}
    ),
    network=False,
    cache="none",
)


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One row of the export, cells cleaned; empty where the file says nothing."""

    person: str
    title: str
    email: str
    page: str
    company_page: str
    industry: str
    employees: str


class LinkedInExport:
    """The rows of an export by domain and by the core of the company's name."""

    spec = SPEC

    def __init__(
        self, by_domain: Mapping[str, list[ExportRow]], by_name: Mapping[str, list[ExportRow]]
    ) -> None:
        self._by_domain = by_domain
        self._by_name = by_name

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        """Every lead has a name at least."""
        return str(values["company_name"])

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> list[Outcome]:
        """Rows of each lead's company as facts."""
        return [self._look_up(request.values) for request in requests]

    async def close(self) -> None:
        """Nothing is open."""

    def _look_up(self, values: Mapping[str, Any]) -> Outcome:
        rows = self._by_domain.get(own_domain(values) or "")
        confidence = BY_DOMAIN if rows else BY_NAME
        rows = rows or self._by_name.get(name_core(str(values["company_name"])))
        facts = tuple(_facts(rows, confidence)) if rows else ()
        return Found(facts) if facts else NotFound()


def build(settings: Settings) -> LinkedInExport:
    """The provider with the file of the settings read.

    Raises:
        ConfigurationError: there is no such file, or it is no export with a company or website column.
    """
    path = settings.linkedin_csv_path
    if path is None:
        raise ConfigurationError("There is no LinkedIn export. Set SALES_AGENT_LINKEDIN_CSV_PATH.")
    by_domain: dict[str, list[ExportRow]] = {}
    by_name: dict[str, list[ExportRow]] = {}
    for cells in _read(path):
        row = _row(cells)
        domain = _domain(cells)
        if domain:
            by_domain.setdefault(domain, []).append(row)
        if core := name_core(cells.get("company", "")):
            by_name.setdefault(core, []).append(row)
    return LinkedInExport(by_domain, by_name)


def _read(path: Path) -> Iterator[dict[str, str]]:
    """Cells by our names, row by row; LinkedIn puts notes before the header."""
    advice = "SALES_AGENT_LINKEDIN_CSV_PATH must be a CSV with a Company or Website column."
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigurationError(f"{path} is larger than {MAX_BYTES // 1_000_000} MB. {advice}")
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            columns = next((found for line in reader if (found := _columns(line))), None)
            if columns is None:
                raise ConfigurationError(f"{path} has no such header. {advice}")
            for line in reader:
                yield {
                    name: one_line(clean_cell(line[place][:2000]))
                    for name, place in columns.items()
                    if place < len(line)
                }
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}. {advice}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(f"{path} is no CSV in UTF-8: {error}. {advice}") from None


def _columns(line: Sequence[str]) -> dict[str, int] | None:
    """Our name to place, when the line is the header."""
    heads = [one_line(cell).casefold() for cell in line]
    found = {
        name: heads.index(alias)
        for name, aliases in _ALIASES.items()
        for alias in reversed(aliases)
        if alias in heads
    }
    return found if len(heads) > 1 and any(name in found for name in _ENOUGH) else None


def _row(cells: Mapping[str, str]) -> ExportRow:
    person = " ".join(filter(None, (cells.get("first"), cells.get("last"))))
    pages = [read_linkedin(cells.get(name, "")) or "" for name in ("page", "company_page")]
    of_people = [page for page in pages if "/in/" in page]
    of_companies = [page for page in pages if "/company/" in page]
    return ExportRow(
        person=person,
        title=cells.get("title", ""),
        email=first_email(cells.get("email", "")).email or "",
        page=of_people[0] if of_people else "",
        company_page=of_companies[0] if of_companies else "",
        industry=cells.get("industry", ""),
        employees=cells.get("employees", ""),
    )


def _domain(cells: Mapping[str, str]) -> str | None:
    website = read_website(cells.get("website", ""))
    return own_domain({"website_host": website.host, "email": first_email(cells.get("email", "")).email})


def _facts(rows: Sequence[ExportRow], confidence: float) -> Iterator[Fact]:
    for field in ("company_linkedin", "industry", "employees"):
        name = "company_page" if field == "company_linkedin" else field
        if value := next((value for row in rows if (value := getattr(row, name))), None):
            yield fact(field, value, "linkedin", confidence)
    for number, row in enumerate([row for row in rows if row.person][:PERSONS], 1):
        told = ", ".join(filter(None, (row.person, row.title)))
        yield fact("contact_person", told, "linkedin", confidence, number=number)
        if row.page:
            yield fact("contact_linkedin", row.page, "linkedin", confidence, number=number)
        if row.email and is_business_address(row.email):
            yield fact("contact_email", row.email, "linkedin", confidence, number=number)
