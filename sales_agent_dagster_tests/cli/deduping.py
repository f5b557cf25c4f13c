"""A list of companies, and what `sales-agent dedupe` decides about it."""

from __future__ import annotations

from pathlib import Path

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from typer.testing import CliRunner

from sales_agent_dagster.cli.main import app

COLUMNS = ["record_id", "entity_id", "account_id", "decision", "bits", "matched_record_id", "explanation"]
HEADER = "record_id,Company Name,Phone Number,Website,City,State"
ROWS = [
    "a7,Quillfeather Electric LLC,(312) 555-0142,quillfeather.example,Springfield,IL",
    "b2,Zedwick Plumbing,415-777-0199,zedwick.example,Oakland,CA",
    "c9,QUILLFEATHER ELEC,312.555.0142,https://www.quillfeather.example/,Springfield,Illinois",
]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def decisions(file: Path, out: Path, *options: str) -> dict[str, list[object]]:
    result = CliRunner().invoke(app, ["dedupe", str(file), "--out", str(out), *options])
    assert result.exit_code == 0, (result.output, result.exception)
    table = pq.read_table(out) if out.suffix == ".parquet" else pa_csv.read_csv(out)
    assert table.column_names == COLUMNS
    return table.to_pydict()
