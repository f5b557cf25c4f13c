from pathlib import Path
from typing import Any

import pytest

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.linkedin import SPEC, LinkedInExport, build
from sales_agent_dagster.enrichment.providers import Found, NotFound
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.enrichment.asking import ask, lead

CONNECTIONS = """Notes:
"When exporting your connection data, you may notice that some addresses are missing."

First Name,Last Name,URL,Email Address,Company,Position,Connected On
Jo,Reed,https://www.linkedin.com/in/Jo-Reed,jo@acme.example,"Acme Electric, LLC",Owner,02 Jan 2026
Al,Stone,https://www.linkedin.com/in/al-stone,al@gmail.com,Acme Electric,,02 Jan 2026
Kim,Lake,http://evil.example/in/kim,,Summit Power Inc,CEO
"""
ACCOUNTS = """Account Name,Website,LinkedIn Company URL,Industry,Employee Count
Acme Electric,https://www.acme.example/about,linkedin.com/company/Acme-Electric/,Construction,11-50
"""


def export(settings: Settings, folder: Path, text: str) -> LinkedInExport:
    path = folder / "export.csv"
    path.write_text(text, encoding="utf-8-sig")
    return build(Settings.model_validate(settings.model_dump() | {"linkedin_csv_path": path}))


def told(provider: LinkedInExport, values: dict[str, Any]) -> dict[str, tuple[str, float]]:
    (outcome,) = ask(provider, values)
    assert isinstance(outcome, Found)
    assert {fact.field for fact in outcome.facts} <= SPEC.offers
    return {fact.id: (fact.value, fact.confidence) for fact in outcome.facts}


def test_connections_are_matched_by_address_then_by_name(settings: Settings, tmp_path: Path) -> None:
    provider = export(settings, tmp_path, CONNECTIONS)
    assert told(provider, lead(company_name="Another", website_host="acme.example")) == {
        "contact_person.linkedin.1": ("Jo Reed, Owner", 0.75),
        "contact_linkedin.linkedin.1": ("https://www.linkedin.com/in/jo-reed", 0.75),
        "contact_email.linkedin.1": ("jo@acme.example", 0.75),
    }
    assert told(provider, lead(company_name="ACME Electric Inc.")) == {
        "contact_person.linkedin.1": ("Jo Reed, Owner", 0.6),
        "contact_linkedin.linkedin.1": ("https://www.linkedin.com/in/jo-reed", 0.6),
        "contact_email.linkedin.1": ("jo@acme.example", 0.6),
        "contact_person.linkedin.2": ("Al Stone", 0.6),
        "contact_linkedin.linkedin.2": ("https://www.linkedin.com/in/al-stone", 0.6),
    }
    assert told(provider, lead(company_name="Summit Power")) == {
        "contact_person.linkedin.1": ("Kim Lake, CEO", 0.6)
    }
    assert ask(provider, lead(company_name="Nobody Knows")) == [NotFound()]


def test_companies_give_their_page_and_size(settings: Settings, tmp_path: Path) -> None:
    provider = export(settings, tmp_path, ACCOUNTS)
    assert told(provider, lead(company_name="Acme", website_host="acme.example")) == {
        "company_linkedin.linkedin": ("https://www.linkedin.com/company/acme-electric", 0.75),
        "industry.linkedin": ("Construction", 0.75),
        "employees.linkedin": ("11-50", 0.75),
    }


@pytest.mark.parametrize(
    ("text", "fault"),
    [("a,b\n1,2\n", "no such header"), ("", "no such header"), ("Company,URL\n\x00\n", "")],
)
def test_a_file_that_is_no_export_is_refused(
    settings: Settings, tmp_path: Path, text: str, fault: str
) -> None:
    if not fault:
        export(settings, tmp_path, text)  # a NUL is cleaned away like in any cell
        return
    with pytest.raises(ConfigurationError, match=fault):
        export(settings, tmp_path, text)


def test_a_file_that_cannot_be_read_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def given(path: Path | None) -> Settings:
        return Settings.model_validate(settings.model_dump() | {"linkedin_csv_path": path})

    with pytest.raises(ConfigurationError, match="SALES_AGENT_LINKEDIN_CSV_PATH"):
        build(given(None))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        build(given(tmp_path / "none.csv"))
    path = tmp_path / "latin.csv"
    path.write_bytes("Company,URL\nCaf\u00e9,x\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="no CSV in UTF-8"):
        build(given(path))
    monkeypatch.setattr("sales_agent_dagster.enrichment.linkedin.MAX_BYTES", 5)
    with pytest.raises(ConfigurationError, match="larger than"):
        build(given(path))
