import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls, evaluation_cases, evaluation_runs
from sales_agent_dagster_tests.cerebras_server import running_server
from sales_agent_dagster_tests.cli.conftest import Cli


def rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


@pytest.fixture
def other_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that scores by brands only."""
    text = (PROJECT_ROOT / "data" / "profile.yaml").read_text()
    old = "{resimercial: 0.35, multi_oem: 0.25, mep_r: 0.25, o_and_m: 0.15}"
    assert old in text
    path = tmp_path / "profile.yaml"
    path.write_text(text.replace(old, "{resimercial: 0.0, multi_oem: 1.0, mep_r: 0.0, o_and_m: 0.0}"))
    monkeypatch.setenv("SALES_AGENT_PROFILE_PATH", str(path))


def test_the_scorecard_is_measured_stored_and_accepted(cli: Cli, home_warehouse: Warehouse) -> None:
    done = cli("eval", "--accept")
    assert done.code == 0
    assert "scorecard 1 on 129 golden leads" in done.out
    assert "Accepted: later evaluations" in done.out
    assert "leads with a wrong tier: inject" in done.out
    assert "Pairs that share a key (block recall)" in done.out
    (run,) = rows(home_warehouse, evaluation_runs)
    assert (run["engine"], run["source"], run["accepted"], run["cases"]) == ("scorecard", "rules", True, 129)
    cases = rows(home_warehouse, evaluation_cases)
    assert len(cases) == 129
    assert sum(case["tier_right"] for case in cases) / 129 == pytest.approx(run["tier_accuracy"], abs=1e-4)


def test_figures_worse_than_accepted_fail(cli: Cli, home_warehouse: Warehouse, request: Any) -> None:
    assert cli("eval", "--accept").code == 0
    assert cli("eval").code == 0
    request.getfixturevalue("other_weights")
    worse = cli("eval", "--json")
    assert worse.code == 1
    document = json.loads(worse.out)
    assert "tier_accuracy" in document["worse"]
    assert document["accepted"]["tier_accuracy"] > document["figures"]["tier_accuracy"] + 0.03
    assert len(document["cases"]) == 129
    assert document["linkage"]["block_recall"] >= 0.98
    assert document["linkage"]["block"]["true_pairs"] > 400
    told = cli("eval")
    assert told.code == 1
    assert "worse" in told.out
    assert cli("eval", "--accept").code == 0, "a person may accept less"
    assert cli("eval").code == 0


def test_a_model_is_measured_recorded_and_replayed(
    cli: Cli, home_warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = tmp_path / "answers.jsonl"
    with running_server() as server:
        monkeypatch.setenv("CEREBRAS_API_KEY", "test")
        monkeypatch.setenv("CEREBRAS_BASE_URL", server.url)
        assert cli("eval", "--record", str(recording)).code == 0
        assert server.stats.requests == 2 * 129
    monkeypatch.delenv("CEREBRAS_API_KEY")
    monkeypatch.delenv("CEREBRAS_BASE_URL")
    replayed = cli("eval", "--replay", str(recording))
    assert replayed.code == 0
    assert "Answered by cerebras gpt-oss-120b" in replayed.out
    live, recorded = sorted(rows(home_warehouse, evaluation_runs), key=lambda run: run["created_at"])
    assert (live["source"], recorded["source"]) == ("live", "recorded")
    spent = sum(call["cost_usd"] for call in rows(home_warehouse, agent_calls))
    assert live["cost_usd"] == pytest.approx(spent) != 0
    assert (recorded["cost_usd"], recorded["replay_share"], recorded["fallback_share"]) == (0.0, 1.0, 0.0)
    same = (
        "kendall_tau",
        "tier_accuracy",
        "fact_precision",
        "fact_recall",
        "grounding_rate",
        "engine_version",
    )
    assert {name: live[name] for name in same} == {name: recorded[name] for name in same}


def test_a_missing_recording_is_wrong_usage(cli: Cli, tmp_path: Path) -> None:
    done = cli("eval", "--replay", str(tmp_path / "none"))
    assert done.code == 2
    assert "No such file" in done.err
