from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.import_csv import HEADER, write_leads
from sales_agent_dagster.settings import PROJECT_ROOT


def test_leads_differ_from_row_to_row(tmp_path: Path) -> None:
    path = tmp_path / "leads.csv"
    write_leads(path, 3000)
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 3000
    assert list(rows[0]) == HEADER
    for column in ("company_name", "contact_phone"):
        assert len({row[column] for row in rows}) == 3000
    websites = [row["company_website"] for row in rows if row["company_website"]]
    assert len(websites) == len(set(websites)) == 2250


@pytest.mark.parametrize("processes", ["1", "2"])
def test_prints_a_table(processes: str) -> None:
    command = [sys.executable, "-m", "benchmarks.import_csv", "--rows", "1500", "--processes", processes]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert re.search(rf"1,500 │ +{processes} │.*\d MB │", done.stdout)
