from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.calls import CallOutcome, CallScope, Replays, Spend, Usage
from sales_agent_dagster.warehouse import calls as calls_module
from sales_agent_dagster.warehouse.calls import MAX_ERROR, WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls, agent_replays
from sales_agent_dagster.warehouse.schema.calls import MAX_RESPONSE
from sales_agent_dagster_tests.calls import CALLED, SCOPE, call

OTHER = CallScope("run-2", "batch-2")


@pytest.fixture
def store(warehouse: Warehouse) -> WarehouseCalls:
    return WarehouseCalls(warehouse)


def rows(warehouse: Warehouse, table: sa.Table = agent_calls) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        found = connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
        return [dict(row) for row in found]


def outcomes(warehouse: Warehouse) -> dict[str, str]:
    return {row["run_id"]: row["outcome"] for row in rows(warehouse)}


def test_a_call_comes_back_as_it_was(store: WarehouseCalls) -> None:
    wanted = [
        call("a"),
        call("b", queue_ms=None, prompt_ms=None, completion_ms=None, price_date=None, response='{"ü":"😀"}'),
    ]
    store.add(wanted)
    assert store.find(["a", "b", "b", "c"]) == {"a": wanted[0], "b": wanted[1]}
    assert store.find([]) == {}


def test_only_answers_are_found(store: WarehouseCalls) -> None:
    store.add(
        [call("a", outcome=CallOutcome.FAILED, error="timeout"), call("b", outcome=CallOutcome.INVALID)]
    )
    assert store.find(["a", "b"]) == {}
    store.add([call("a", scope=OTHER)])
    assert store.find(["a", "b"]) == {"a": call("a", scope=OTHER)}


def test_a_response_of_a_failed_call_is_not_kept(store: WarehouseCalls, warehouse: Warehouse) -> None:
    failed = call("a", outcome=CallOutcome.INVALID)
    object.__setattr__(failed, "response", "{}")
    store.add([failed])
    assert rows(warehouse)[0]["response"] is None


def test_the_first_answer_to_a_key_stays_and_the_later_ones_cost_still_counts(
    store: WarehouseCalls, warehouse: Warehouse
) -> None:
    store.add([call("a", response="1")])
    store.add([call("a", response="2", scope=OTHER), call("b")])
    assert store.find(["a"])["a"].response == "1"
    assert store.find(["b"]) == {"b": call("b")}
    assert [row["outcome"] for row in rows(warehouse) if row["run_id"] == "run-2"] == ["duplicate"]
    assert [row["response"] for row in rows(warehouse) if row["run_id"] == "run-2"] == [None]
    assert store.spend(OTHER, CALLED.date()) == Spend(0.25, 0.25, 0.75)


def test_of_two_answers_in_one_group_the_earlier_is_kept(store: WarehouseCalls, warehouse: Warehouse) -> None:
    later = call("a", scope=OTHER, called_at=CALLED + timedelta(seconds=1), response="2")
    store.add([later, call("a", response="1")])
    assert store.find(["a"])["a"].response == "1"
    assert outcomes(warehouse) == {"run-1": "ok", "run-2": "duplicate"}


def test_adding_twice_changes_nothing(store: WarehouseCalls, warehouse: Warehouse) -> None:
    group = [call("a"), call("b", outcome=CallOutcome.FAILED), call("c", response="x" * (MAX_RESPONSE + 1))]
    store.add(group)
    before = rows(warehouse)
    store.add(group)
    store.add([])
    assert rows(warehouse) == before
    assert len(before) == 3


def test_a_group_is_kept_as_a_whole_or_not_at_all(store: WarehouseCalls, warehouse: Warehouse) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        store.add([call("a"), call("b", cost_usd=-1.0)])
    assert rows(warehouse) == []


def test_texts_are_bounded_and_storable(store: WarehouseCalls, warehouse: Warehouse) -> None:
    store.add(
        [
            call("a", response="x" * MAX_RESPONSE),
            call("b", response="x" * (MAX_RESPONSE + 1)),
            call("c", outcome=CallOutcome.FAILED, error="\0 \ud800" + "e" * 1000),
        ]
    )
    by_key = {row["call_key"]: row for row in rows(warehouse)}
    assert len(by_key["a"]["response"]) == MAX_RESPONSE
    assert (by_key["b"]["response"], by_key["b"]["outcome"]) == (None, "ok")
    assert by_key["c"]["error"].startswith(" ?e")
    assert len(by_key["c"]["error"]) == MAX_ERROR


def test_days_are_utc(store: WarehouseCalls, warehouse: Warehouse) -> None:
    evening = datetime(2026, 3, 2, 20, 0, tzinfo=timezone(timedelta(hours=-6)))
    store.add([call("a", called_at=evening)])
    assert rows(warehouse)[0]["call_day"] == "2026-03-03"
    assert store.find(["a"])["a"].called_at == datetime(2026, 3, 3, 2, 0, tzinfo=UTC)
    assert store.spend(SCOPE, date(2026, 3, 3)).day_usd == 0.25
    assert store.spend(SCOPE, date(2026, 3, 2)).day_usd == 0.0


def test_spend_of_run_batch_and_day(store: WarehouseCalls) -> None:
    assert store.spend(SCOPE, CALLED.date()) == Spend()
    store.add(
        [
            call("a", cost_usd=1.0),
            call("b", cost_usd=2.0, scope=CallScope("run-1", "batch-2")),
            call("c", cost_usd=4.0, scope=CallScope("run-2", "batch-1"), outcome=CallOutcome.INVALID),
            call("d", cost_usd=8.0, called_at=CALLED - timedelta(days=1)),
        ]
    )
    assert store.spend(SCOPE, CALLED.date()) == Spend(run_usd=11.0, batch_usd=13.0, day_usd=7.0)


def test_spend_of_leads(store: WarehouseCalls) -> None:
    store.add(
        [
            call("a", cost_usd=1.0),
            call("b", cost_usd=2.0, outcome=CallOutcome.INVALID),
            call("c", cost_usd=4.0, lead_id="lead-2", scope=OTHER),
            call("d", cost_usd=0.0, lead_id="lead-3", outcome=CallOutcome.FAILED),
            call("e", cost_usd=8.0, lead_id="lead-4"),
        ]
    )
    assert store.lead_spend("batch-1", ["lead-1", "lead-2", "lead-3"]) == {"lead-1": 3.0}
    assert store.lead_spend("batch-1", []) == {}


def test_look_ups_within_one_reading_share_a_connection(store: WarehouseCalls, warehouse: Warehouse) -> None:
    store.add([call("a", cost_usd=1.0)])
    opened: list[object] = []
    sa.event.listen(warehouse.engine, "checkout", lambda *given: opened.append(given))
    with store.one_reading():
        assert sorted(store.find(["a", "b"])) == ["a"]
        WarehouseCalls(warehouse).add([call("b", cost_usd=2.0)])
        of_one_moment = {"lead-1": 1.0} if store.is_near else {"lead-1": 3.0}
        assert store.lead_spend("batch-1", ["lead-1"]) == of_one_moment
    assert len(opened) == 2, "one to read, one to write"
    assert store.lead_spend("batch-1", ["lead-1"]) == {"lead-1": 3.0}
    assert len(opened) == 3


def test_more_keys_than_fit_one_statement(store: WarehouseCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls_module, "KEYS_AT_ONCE", 3)
    keys = [f"key-{number}" for number in range(8)]
    store.add([call(key, lead_id=key) for key in keys])
    assert sorted(store.find(keys)) == keys
    assert sorted(store.lead_spend("batch-1", keys)) == keys
    store.add([call(key, lead_id=key, scope=OTHER) for key in keys])
    assert store.spend(OTHER, CALLED.date()).run_usd == 2.0


def test_replays_add_up(store: WarehouseCalls, warehouse: Warehouse) -> None:
    day = "2026-03-02"
    store.add_replays([])
    store.add_replays(
        [Replays(SCOPE, "growth", "m", day, 2, 0.5), Replays(SCOPE, "growth", "n", day, 1, 0.25)]
    )
    store.add_replays([Replays(SCOPE, "growth", "m", day, 3, 0.75)])
    found = [(row["model"], row["replays"], row["saved_usd"]) for row in rows(warehouse, agent_replays)]
    assert found == [("m", 5, 1.25), ("n", 1, 0.25)]


def test_pruning_deletes_old_responses_and_nothing_else(
    store: WarehouseCalls, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls_module, "PRUNED_AT_ONCE", 2)
    old = [call(f"old-{number}", called_at=CALLED - timedelta(days=number + 1)) for number in range(5)]
    store.add([*old, call("new"), call("failed", outcome=CallOutcome.FAILED, called_at=old[0].called_at)])
    assert store.prune(CALLED) == 5
    assert store.prune(CALLED) == 0
    assert sorted(store.find([record.call_key for record in old] + ["new"])) == ["new"]
    assert sum(row["cost_usd"] for row in rows(warehouse)) == 7 * 0.25


def test_a_pruned_call_may_be_bought_and_replayed_again(store: WarehouseCalls, warehouse: Warehouse) -> None:
    store.add([call("a", response="1")])
    store.prune(CALLED + timedelta(seconds=1))
    store.add([call("a", response="2", scope=OTHER)])
    assert store.find(["a"])["a"].response == "2"
    assert outcomes(warehouse) == {"run-1": "ok", "run-2": "ok"}


def test_processes_that_finish_the_same_calls_at_once_keep_one_answer_of_each(warehouse: Warehouse) -> None:
    keys = [f"key-{number:02d}" for number in range(40)]
    writers = [Warehouse(warehouse.url.render_as_string(hide_password=False)) for _ in range(4)]
    together = threading.Barrier(len(writers))
    faults: list[Exception] = []

    def write(number: int, mine: Warehouse) -> None:
        store, scope = WarehouseCalls(mine), CallScope(f"run-{number}", "batch-1")
        order = keys if number % 2 else keys[::-1]
        together.wait()
        try:
            for start in range(0, len(order), 10):
                store.add([call(key, scope=scope) for key in order[start : start + 10]])
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=item) for item in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for writer in writers:
        writer.dispose()
    assert faults == []
    found = rows(warehouse)
    assert len(found) == len(keys) * len(writers)
    assert sorted(row["call_key"] for row in found if row["outcome"] == "ok") == keys
    assert {row["outcome"] for row in found} == {"ok", "duplicate"}


def test_usage_of_calls_adds_up() -> None:
    assert Usage(1, 2, 3, 4) + Usage(10, 20, 30, 40) == Usage(11, 22, 33, 44)


def test_lookups_use_indexes(sqlite_warehouse: Warehouse) -> None:
    """Each of the ledger's questions is answered from an index: the table grows with every call ever made."""
    questions = {
        "call_key IN ('a') AND response IS NOT NULL": "uq_agent_calls_answer",
        "run_id = 'a'": "ix_agent_calls_run_id",
        "batch_id = 'a' AND lead_id IN ('b')": "ix_agent_calls_batch_id",
        "call_day = 'a'": "ix_agent_calls_call_day",
        "called_at < 'a' AND response IS NOT NULL": "ix_agent_calls_called_at",
    }
    with sqlite_warehouse.reading() as connection:
        for where, index in questions.items():
            query = f"EXPLAIN QUERY PLAN SELECT cost_usd FROM agent_calls WHERE {where}"
            assert index in str(connection.execute(sa.text(query)).all()), where
