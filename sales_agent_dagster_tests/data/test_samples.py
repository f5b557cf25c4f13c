from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from sales_agent_dagster.domain.headers import map_header
from sales_agent_dagster.domain.icp import LeadFeatures, one_decimal, score_lead
from sales_agent_dagster.domain.oems import parse_brands
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.rows import RowReader
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.settings import PROJECT_ROOT, Settings
from sales_agent_dagster.stages.imported import import_batch
from sales_agent_dagster.stages.intake.reader import CsvTable
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_files
from sales_agent_dagster_tests.conftest import NOW, MakeContext

SAMPLES = PROJECT_ROOT / "data" / "samples"
BROKEN = SAMPLES / "broken"
EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load((BROKEN / "expected.yaml").read_text())
PLATFORMS = ("generacdealers.com", "business.site")


def read(name: str) -> list[dict[str, Any]]:
    """Columns of ``imported_leads`` of the sample's usable rows."""
    table = CsvTable.detect(SAMPLES / name)
    reader = RowReader(map_header(table.header))
    rows = [reader.read(record.cells) for record in table.rows()]
    return [row for row in rows if isinstance(row, dict)]


def contents(folder: Path) -> dict[str, bytes]:
    suffixes = (".csv", ".yaml")
    paths = [path for path in folder.rglob("*") if path.suffix in suffixes]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_the_generator_writes_exactly_what_is_in_the_repository(tmp_path: Path) -> None:
    generator = SAMPLES / "generate.py"
    subprocess.run([sys.executable, "-B", generator, tmp_path], check=True)
    assert contents(tmp_path) == contents(SAMPLES)


def test_every_broken_file_has_its_expectation() -> None:
    assert {path.name for path in BROKEN.iterdir()} == {*EXPECTED, "expected.yaml"}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_broken_file_has_the_documented_outcome(
    name: str, sqlite_warehouse: Warehouse, settings: Settings, context: MakeContext
) -> None:
    expected = EXPECTED[name]
    found = register_file(BROKEN / name, sqlite_warehouse, settings, NOW)
    with sqlite_warehouse.reading() as connection:
        (row,) = connection.execute(sa.select(lead_files)).all()
    if expected["outcome"] == "quarantined":
        assert (found.outcome, row.reason_code) == ("quarantined", expected["code"])
        assert found.batch_ids == ()
    else:
        assert found.outcome == "new"
        (batch_id,) = found.batch_ids
        summary = import_batch(context(sqlite_warehouse, batch_id=batch_id))
        assert (summary.imported, summary.rejected) == (expected["imported"], expected["rejected"])


def test_broken_files_do_not_affect_good_ones(
    warehouse: Warehouse, settings: Settings, context: MakeContext
) -> None:
    outcomes = {}
    for name in sorted(EXPECTED):
        found = register_file(BROKEN / name, warehouse, settings, NOW)
        outcomes[name] = found.outcome
        for batch_id in found.batch_ids:
            import_batch(context(warehouse, batch_id=batch_id))
    assert set(outcomes.values()) == {"new", "quarantined"}
    found = register_file(SAMPLES / "dealer_leads_sample.csv", warehouse, settings, NOW)
    summary = import_batch(context(warehouse, batch_id=found.batch_ids[0]))
    assert (summary.rows, summary.imported, summary.rejected) == (200, 198, 2)


def test_the_encodings_all_say_the_same() -> None:
    names = [
        name for name, file in EXPECTED.items() if re.match(r"utf|cp|latin", name) and "imported" in file
    ]
    assert len(names) == 7
    texts = {tuple(row["company_name"] for row in read(f"broken/{name}")) for name in names}
    assert texts == {("Tölmère Electric", "Orvanne Power", "Québécoise d'Énergie Heating & Air")}


@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.csv")), ids=lambda path: path.name)
def test_nobody_in_the_samples_is_real(path: Path) -> None:
    text = path.read_bytes().replace(b"\0", b"").decode("utf-8", "replace")
    for number in re.findall(r"\(?[2-9]\d\d\)?[ -]?\d{3}[ -]?\d{4}(?!\d)", text):
        assert re.search(r"555[ -]?01\d\d$", number)
    hosts = re.findall(r"(?:https?://|www\.|@)(?:www\.)?([a-z0-9.-]+\.[a-z]{2,})", text, re.IGNORECASE)
    for host in hosts:
        linkedin = host == "linkedin.com" and "-example" in text
        assert linkedin or host.endswith((".example", *PLATFORMS, "2x.png")), host


def test_the_dealer_list_has_the_quirks_of_dealer_lists() -> None:
    with (SAMPLES / "dealer_leads_sample.csv").open(encoding="utf-8") as stream:
        raw = list(csv.DictReader(stream))
    assert len(raw) == 200
    assert Counter(row["industry"] for row in raw) == {"Generator/Electrical Services": 192, "": 8}
    rows = read("dealer_leads_sample.csv")
    missing = sum(row["website"] is None for row in rows)
    assert 0.2 < missing / len(rows) < 0.4
    assert all((row["website"] is None) == ("Domain:" not in row["raw"]["notes"]) for row in rows)
    assert all((row["source_icp_score"] is None) == (row["oem_count"] == 0) for row in rows), "from elsewhere"
    assert sum(row["domain"] in PLATFORMS for row in rows) == 4
    assert sum(row["phone_kind"] == "toll_free" for row in rows) == 4
    assert 5 <= sum(row["email"] is not None for row in rows) <= 30
    assert 5 <= sum(row["contact_name"] is not None for row in rows) <= 30
    assert sum(row["phone_2"] is not None for row in rows) == 1
    assert sum(row["phone_ext"] is not None for row in rows) == 1
    assert sum(row["company_name"].startswith("Voltmarsh") for row in rows) == 7
    assert {row["oem_count"] for row in rows} == {0, 1, 2, 3}
    assert len({row["source_icp_tier"] for row in rows}) >= 3


def repeated(rows: list[dict[str, Any]], column: str) -> dict[str, int]:
    values = [row[column] for row in rows if row[column] and row[column] not in PLATFORMS]
    return {value: values.count(value) for value in values if values.count(value) > 1}


def test_duplicates_in_the_dealer_list_are_the_intended_ones() -> None:
    rows = read("dealer_leads_sample.csv")
    assert repeated(rows, "phone") == {"+17045550194": 2, "+12075550195": 2}
    assert repeated(rows, "domain") == {"windroseplumbing.example": 2, "voltmarshgenerators.example": 2}
    assert repeated(rows, "company_name") == {"Complete Bramblegate Resources": 2}


def test_the_dealer_lists_scores_are_those_of_the_rules(profile: Profile) -> None:
    tiers = Counter()
    for row in read("dealer_leads_sample.csv"):
        lead = LeadFeatures(
            company_name=row["company_name"],
            brands=tuple(parse_brands(row["oems"])),
            industry=row["industry"],
            notes=row["notes"],
        )
        card = score_lead(lead, profile.icp)
        if row["source_icp_score"] is None:
            tiers[profile.icp.tiers.tier_of(card.score)] += 1
        else:
            assert card.icp_score == row["source_icp_score"], row["company_name"]
    assert set(tiers) == {Tier.BRONZE, Tier.UNQUALIFIED}, "the gates have something to stop"


def test_the_wide_exports_scores_follow_from_its_dimensions() -> None:
    rows = read("dealer_export_sample.csv")
    for row in rows:
        total = (
            0.35 * row["source_resimercial"]
            + 0.25 * row["source_multi_oem"]
            + 0.25 * row["source_mep_r"]
            + 0.15 * row["source_o_and_m"]
        )
        assert one_decimal(total) == row["source_icp_score"]
    assert len({row["source_icp_score"] for row in rows}) > 8


def test_the_wide_export_has_seventy_columns_and_every_quirk() -> None:
    table = CsvTable.detect(SAMPLES / "dealer_export_sample.csv")
    assert len(table.header) == len(set(table.header)) == 70
    assert sum(1 for _ in table.rows()) == 40
    rows = read("dealer_export_sample.csv")
    assert len(rows) == 37
    seen = {name for row in rows for name in (row["repairs"] or "").split(", ")}
    assert seen >= {
        "rating_zero",
        "reviews_zero",
        "rating_out_of_range",
        "state_code",
        "state_invalid",
        "state_from_zip",
        "address_split",
        "city_rejoined",
        "city_stripped",
        "street_prefix",
        "phone_split",
        "phone_invalid",
        "zip_padded",
        "zip_invalid",
        "name_punctuation",
        "name_dba",
        "website_cleaned",
        "domain_disagrees",
        "email_invalid",
    }
    assert all("nan" not in str(row[column]).lower() for row in rows for column in ("email", "street", "zip"))


@pytest.mark.parametrize(
    ("name", "layout", "count"),
    [
        ("hubspot_contacts_sample.csv", "hubspot", 6),
        ("salesforce_leads_sample.csv", "salesforce", 5),
        ("apollo_contacts_sample.csv", "apollo", 4),
    ],
)
def test_crm_exports_are_understood(name: str, layout: str, count: int) -> None:
    table = CsvTable.detect(SAMPLES / name)
    assert layout in map_header(table.header).format
    rows = read(name)
    assert len(rows) == count
    assert all(row["external_id"] for row in rows)
    assert sum(row["email"] is not None and row["state"] is not None for row in rows) >= count - 1
