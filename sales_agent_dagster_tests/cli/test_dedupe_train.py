"""``sales-agent dedupe train``: weights from a file, or from the warehouse and people's answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from benchmarks.dedupe.generator import generate
from sales_agent_dagster.cli import dedupe_train
from sales_agent_dagster.cli.main import app
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.matching import train
from sales_agent_dagster.matching.calibrate import MIN_LABELS
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.settings import Settings, load_settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.identity.labels import write_label
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import resolved_leads
from sales_agent_dagster_tests.cli.conftest import Cli
from sales_agent_dagster_tests.cli.test_dedupe import decisions
from sales_agent_dagster_tests.rows import CREATED, seed_batch
from sales_agent_dagster_tests.stages.firms import ACME, ACME_MAYBE


def test_learning_weights_and_using_them(tmp_path: Path) -> None:
    pq.write_table(generate(2100, seed=5, style="trades:55").table, tmp_path / "in.parquet")
    model = tmp_path / "model.json"
    result = CliRunner().invoke(app, ["dedupe", "train", str(tmp_path / "in.parquet"), "--out", str(model)])
    assert result.exit_code == 0, result.output
    assert "converged after" in result.output
    assert "Kept from the given weights" in result.output
    assert json.loads(model.read_text())["report"]["converged"] is True
    found = decisions(tmp_path / "in.parquet", tmp_path / "out.csv", "--model", str(model))
    assert len(found["record_id"]) == 2100
    assert set(found["decision"]) == {"merge", "review", "new"}


def test_a_list_of_namesakes_teaches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "MOST_GROWTH", 0.1)
    pq.write_table(generate(2100, seed=5, style="trades:55").table, tmp_path / "in.parquet")
    model = tmp_path / "model.json"
    result = CliRunner().invoke(app, ["dedupe", "train", str(tmp_path / "in.parquet"), "--out", str(model)])
    assert result.exit_code == 0, result.output
    assert "the given weights, as they are" in result.output
    learnt = json.loads(model.read_text())
    assert (learnt["version"], learnt["report"]["used"]) == (load_model().version, False)


def test_a_list_of_names_teaches_the_model_for_names(tmp_path: Path) -> None:
    names = generate(2100, seed=5, style="trades:55").table.select(["record_id", "name"])
    pq.write_table(names, tmp_path / "in.parquet")
    model = tmp_path / "model.json"
    result = CliRunner().invoke(app, ["dedupe", "train", str(tmp_path / "in.parquet"), "--out", str(model)])
    assert result.exit_code == 0, result.output
    learnt = json.loads(model.read_text())
    assert learnt["usual_repeats"] == load_model(by_name=True).usual_repeats is not None


def test_weights_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        dedupe_train._write_model(load_model(), tmp_path)


def firms(count: int) -> list[dict[str, Any]]:
    """Firms of a made-up world as columns of ``imported_leads``, each under a name of its own."""
    leads = generate(2 * count + 200, seed=9, style="trades:57")
    first = np.flatnonzero(leads.truth["copy"].to_numpy() == 0)
    by_name = {
        row["name"]: row for row in leads.table.take(first).to_pylist() if row["name"] and row["state"]
    }
    names = {"name": "company_name", "linkedin": "linkedin_url", "contact": "contact_name"}
    found = []
    for row in list(by_name.values())[:count]:
        del row["record_id"]
        found.append({names.get(name, name): value for name, value in row.items()})
    assert len(found) == count
    return found


def resolve(settings: Settings, warehouse: Warehouse, batch_id: str) -> None:
    profile = load_profile(settings.profile_path)
    context = StageContext(warehouse, settings, profile, ScorecardEngine(), batch_id, "run-1")
    asyncio.run(ResolvedLeads().run(context))


def decision(warehouse: Warehouse, lead_id: str) -> Any:
    row = resolved_leads.c
    query = sa.select(row.decision, row.engine_version).where(row.lead_id == lead_id)
    with warehouse.reading() as connection:
        return connection.execute(query).one()


def answered(settings: Settings, warehouse: Warehouse, count: int) -> None:
    """As many firms, each also as nothing but name and state; people said that they are one company."""
    known = firms(count)
    bare = [{name: lead[name] for name in ("company_name", "state")} for lead in known]
    ids = seed_batch(warehouse, "batch-1", [*known, *bare])
    resolve(settings, warehouse, "batch-1")
    with warehouse.transaction() as connection:
        for pair in zip(ids[:count], ids[count:], strict=True):
            write_label(
                warehouse, connection, pair, same=True, source="review", explanation=None, now=CREATED
            )


def test_answers_of_people_change_later_decisions(
    cli: Cli, tmp_path: Path, home_settings: Settings, home_warehouse: Warehouse
) -> None:
    answered(home_settings, home_warehouse, MIN_LABELS)
    _, maybe = seed_batch(home_warehouse, "batch-2", [ACME, ACME_MAYBE])
    resolve(home_settings, home_warehouse, "batch-2")
    assert decision(home_warehouse, maybe).decision == "review"
    model = tmp_path / "model.json"
    outcome = cli("dedupe", "train", "warehouse", "--out", str(model))
    assert (outcome.code, outcome.err) == (0, "")
    assert f"fitted to {MIN_LABELS} answers of people" in outcome.out
    assert f"SALES_AGENT_LINKAGE_MODEL_PATH={model}" in outcome.out.replace("\n", "")
    told = json.loads(model.read_text())
    assert told["trained_on"] == f"{MIN_LABELS} answers of people, from version 1"
    assert told["report"]["answers"]["same"] == MIN_LABELS
    assert told["report"]["answers"]["right_after"] > 0.95 > told["report"]["answers"]["right_before"]
    learnt = load_settings(linkage_model_path=model)
    resolve(learnt, home_warehouse, "batch-2")
    found = decision(home_warehouse, maybe)
    assert (found.decision, found.engine_version) == ("merge", f"linkage {told['version']}")


def test_too_few_answers_are_told(
    cli: Cli, tmp_path: Path, home_settings: Settings, home_warehouse: Warehouse
) -> None:
    answered(home_settings, home_warehouse, 3)
    outcome = cli("dedupe", "train", "warehouse", "--out", str(tmp_path / "model.json"))
    assert outcome.code == 2
    assert "has 6 resolved leads and 3 answers of people: at least 2,000 leads or 300 answers" in outcome.err
    assert not (tmp_path / "model.json").exists()


def test_without_answers_enough_the_leads_alone_teach(
    cli: Cli,
    tmp_path: Path,
    home_settings: Settings,
    home_warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered(home_settings, home_warehouse, 40)
    monkeypatch.setattr(dedupe_train, "LEARN_FROM", 80)
    outcome = cli("dedupe", "train", "warehouse", "--out", str(tmp_path / "model.json"))
    assert outcome.code == 0
    assert "matching pairs among 80 rows" in outcome.out
    assert "Answers of people: 40. From 300 on" in outcome.out
    assert "candidate pairs of a table" in json.loads((tmp_path / "model.json").read_text())["trained_on"]
