"""``sales-agent cost``: what was spent and saved, what is left, what is to come."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sales_agent_dagster.cli.cost import SHOWN_GROUPS, print_forecast
from sales_agent_dagster.domain.calls import CallOutcome, CallScope, Replays, Usage
from sales_agent_dagster.settings import BudgetSettings, Settings
from sales_agent_dagster.stages.forecast import Forecast
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.calls import SCOPE, call
from sales_agent_dagster_tests.cerebras_server.running import running_server
from sales_agent_dagster_tests.cli.conftest import Cli
from sales_agent_dagster_tests.rows import seed_batch

OTHER = CallScope("run-2", "batch-2")
NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date().isoformat()


def table(out: str, title: str) -> list[list[str]]:
    """Rows of the printed table that begins with a column of that title, split at blanks."""
    lines = iter(out.splitlines())
    for line in lines:
        if line.split()[:1] == [title]:
            break
    rows = []
    for line in lines:
        if not line:
            break
        rows.append(line.split())
    return rows


@pytest.fixture
def model_engine(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("SALES_AGENT_ENGINE", "cerebras")


@pytest.fixture
def spent(home_warehouse: Warehouse) -> Warehouse:
    """Two batches, the first complete: calls of yesterday and today, some in vain, and replays."""
    seed_batch(home_warehouse, "batch-1", [{}] * 2, through="crm_synced_leads")
    seed_batch(home_warehouse, "batch-2", [{}] * 4)
    store = WarehouseCalls(home_warehouse)
    store.add(
        [
            call("a", called_at=NOW, usage=Usage(900, 450, 300, 100), cost_usd=0.5),
            call(
                "b", called_at=NOW, agent="growth", outcome=CallOutcome.INVALID, usage=Usage(), cost_usd=1.25
            ),
            call(
                "c", called_at=NOW, scope=OTHER, model="local", price_date=None, lead_id="x", cost_usd=0.001
            ),
            call("d", called_at=NOW - timedelta(days=1), usage=Usage(2_500_000, 0, 12_345, 0), cost_usd=2.0),
        ]
    )
    store.add_replays([Replays(SCOPE, "growth", "gpt-oss-120b", TODAY, 1200, 0.75)])
    return home_warehouse


def test_before_the_first_call(cli: Cli) -> None:
    outcome = cli("cost")
    assert outcome.code == 0
    assert outcome.out.startswith("No model has been asked.\n\nBudget")
    assert table(outcome.out, "Budget") == [["Day", f"({TODAY})", "$0.00", "$50.00"]]


def test_spend_by_day_batch_agent_and_model(cli: Cli, spent: Warehouse) -> None:
    out = cli("cost").out
    assert out.splitlines()[:2] == [
        "$3.75 for 4 calls to models. 1,200 answers replayed, which saved $0.75.",
        "$0.0010 of it is an assumption: the model is in no price list. Add its price and set "
        "SALES_AGENT_PRICES_PATH.",
    ]
    yesterday = (NOW - timedelta(days=1)).date().isoformat()
    assert table(out, "Day") == [
        [yesterday, "1", "2.5M", "0%", "12k", "$2.00"],
        [TODAY, "3", "1", "1,200", "1.9k", "55%", "600", "$1.75", "$0.75"],
    ]
    assert table(out, "Batch") == [
        ["batch-1", "3", "1", "1,200", "2.5M", "0%", "13k", "$3.75", "$0.75"],
        ["batch-2", "1", "1.0k", "60%", "300", "$0.0010"],
    ]
    assert table(out, "Agent") == [
        ["growth", "1", "1", "1,200", "0", "0", "$1.25", "$0.75"],
        ["qualification", "3", "2.5M", "0%", "13k", "$2.50"],
    ]
    assert [row[0] for row in table(out, "Model")] == ["gpt-oss-120b", "local"]
    assert table(out, "Budget") == [["Day", f"({TODAY})", "$1.75", "$50.00", "#"]]
    assert out.endswith("1 unfinished batch: free, the scorecard engine asks no model.\n")


def test_columns_without_anything_to_tell_are_left_out(cli: Cli, home_warehouse: Warehouse) -> None:
    WarehouseCalls(home_warehouse).add([call("a", called_at=NOW)])
    out = cli("cost").out
    assert "Agent          Calls  Input  Cached  Output  Spent\n" in out
    assert out.startswith("$0.25 for 1 call to models.\n")
    assert "unfinished" not in out


def test_one_batch_by_the_start_of_its_id(cli: Cli, spent: Warehouse) -> None:
    out = cli("cost", "batch-2").out
    assert out.startswith("batch batch-2: $0.0010 for 1 call to models.\n")
    assert "Batch  " not in out.split("Budget")[0]
    assert table(out, "Budget")[1:] == [
        ["Batch", "(batch-2)", "$0.0010", "$5.00", "#"],
        ["Lead", "(the", "dearest)", "$0.0010", "$0.02", "#"],
    ]
    seed_batch(spent, "leads-3", [{}])
    assert cli("cost", "leads").out.startswith("batch leads-3: No model has been asked.")


def test_spent_budgets_are_full_and_missing_ones_said(
    cli: Cli, spent: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_AGENT_BUDGETS", '{"batch_usd": 1.0, "lead_usd": null}')
    rows = table(cli("cost", "batch-1").out, "Budget")
    assert rows[1:] == [
        ["Batch", "(batch-1)", "$3.75", "$1.00", "#" * 24],
        ["Lead", "(the", "dearest)", "$3.75", "no", "limit"],
    ]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("nothing", "nothing is no batch. `sales-agent status` lists all."),
        ("batch", "batch is the start of batch-1, batch-2."),
        ("%", "% is no batch."),
    ],
)
def test_an_unknown_batch(cli: Cli, spent: Warehouse, wanted: str, said: str) -> None:
    outcome = cli("cost", wanted)
    assert outcome.code == 1
    assert said in outcome.err


def test_json_has_everything(cli: Cli, spent: Warehouse) -> None:
    state: dict[str, Any] = json.loads(cli("cost", "--json").out)
    assert state["batch_id"] is None
    assert (state["total"]["calls"], state["total"]["replays"], state["total"]["cost_usd"]) == (
        4,
        1200,
        3.751,
    )
    assert state["by_day"][1]["day"] == TODAY
    assert state["by_day"][1]["cached_share"] == pytest.approx(1050 / 1900)
    assert [group["batch"] for group in state["by_batch"]] == ["batch-1", "batch-2"]
    assert [group["model"] for group in state["by_model"]] == ["gpt-oss-120b", "local"]
    assert state["budgets"] == [{"budget": "day", "of": TODAY, "spent_usd": 1.751, "limit_usd": 50.0}]
    assert state["forecast"] == {
        "engine": "scorecard",
        "unfinished_batches": 1,
        "leads": 4,
        "usd": 0,
        "by_agent": {},
        "measured": True,
    }
    one = json.loads(cli("cost", "batch-1", "--json").out)
    assert "by_batch" not in one
    assert one["forecast"]["unfinished_batches"] == 0


def test_many_days_show_the_newest(cli: Cli, home_warehouse: Warehouse) -> None:
    days = [NOW - timedelta(days=number) for number in range(SHOWN_GROUPS + 2)]
    WarehouseCalls(home_warehouse).add([call(f"{day}", called_at=day) for day in days])
    out = cli("cost").out
    assert "and 2 earlier days; --json shows all" in out
    assert [row[0] for row in table(out, "Day")][-2:] == [TODAY, "and"]
    assert len(json.loads(cli("cost", "--json").out)["by_day"]) == SHOWN_GROUPS + 2


def test_what_unfinished_batches_will_cost(cli: Cli, spent: Warehouse, model_engine: None) -> None:
    out = cli("cost").out
    assert "1 unfinished batch, 4 leads: about $" in out
    assert out.endswith(", at list prices and typical lengths.\n")
    store = WarehouseCalls(spent)
    agents = ("enrichment", "growth", "marketing")
    store.add([call(f"m-{agent}", agent=agent, scope=OTHER) for agent in agents])
    forecast = json.loads(cli("cost", "--json").out)["forecast"]
    assert forecast["measured"]
    assert set(forecast["by_agent"]) == {"qualification", *agents}
    assert forecast["leads"] == 4  # qualification was answered by another model
    store.add([call("m-qualification", scope=OTHER)])
    assert json.loads(cli("cost", "--json").out)["forecast"]["leads"] == 3


def test_pruning_needs_a_retention(cli: Cli, spent: Warehouse) -> None:
    outcome = cli("cost", "--prune")
    assert outcome.code == 2
    assert "SALES_AGENT_CEREBRAS__RETENTION_DAYS" in outcome.err


def test_pruning_deletes_old_responses(cli: Cli, spent: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_CEREBRAS__RETENTION_DAYS", "1")
    WarehouseCalls(spent).add([call("old", called_at=NOW - timedelta(days=3))])
    out = cli("cost", "--prune").out
    assert out.startswith(
        "2 responses past retention deleted; calls and their cost stay.\n\n$4.00 for 5 calls"
    )
    assert sorted(WarehouseCalls(spent).find(["a", "c", "d", "old"])) == ["a", "c"]
    assert json.loads(cli("cost", "--prune", "--json").out)["pruned_responses"] == 0


@pytest.mark.parametrize(
    ("usd", "measured", "said"),
    [
        (0.0, True, ""),
        (
            0.03,
            True,
            "  About $0.03 of model calls for 20 leads (gpt-oss-120b, measured on earlier calls).\n",
        ),
        (
            0.25,
            False,
            "  About $0.25 of model calls for 20 leads (gpt-oss-120b, at list prices and typical lengths).\n"
            "  The batch budget allows $0.20: the rest is answered without a model.\n",
        ),
    ],
)
def test_what_is_said_before_money_is_spent(
    settings: Settings, capsys: pytest.CaptureFixture[str], usd: float, measured: bool, said: str
) -> None:
    limited = settings.model_copy(update={"budgets": BudgetSettings(batch_usd=0.2)})
    print_forecast(limited, 20, Forecast({"growth": usd}, measured))
    assert capsys.readouterr().out == said


def test_a_run_says_what_it_will_cost_and_what_it_did(
    cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads = tmp_path / "leads.csv"
    leads.write_text("company_name,phone\nExample Power,(212) 555-0100\nSample Electric,(407) 555-0101\n")
    monkeypatch.setenv("SALES_AGENT_CHECKS__LATENCY_SLA", "warn")  # a busy machine is no slow engine
    with running_server() as server:
        monkeypatch.setenv("CEREBRAS_API_KEY", "test-key")
        monkeypatch.setenv("CEREBRAS_BASE_URL", server.url)
        first, second = cli("run", str(leads)), cli("run", str(leads))
    assert first.code == second.code == 0, first.err
    assert "of model calls for 2 leads (gpt-oss-120b, at list prices and typical lengths)." in first.out
    total = json.loads(cli("cost", "--json").out)["total"]
    assert total["calls"] > 0
    assert f", {total['calls']} model calls for $" in first.out
    assert "0 new rows, 0 agent calls, 0 model calls for $0.00." in second.out
    assert "of model calls" not in second.out
