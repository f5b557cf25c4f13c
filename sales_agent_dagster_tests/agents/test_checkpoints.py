"""Runs that stop and go on, on every store; LangGraph's conformance suite on each as we open it."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.conformance.initializer import RegisteredCheckpointer
from langgraph.checkpoint.conformance.validate import validate
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic import SecretStr

from sales_agent_dagster.agents import checkpoints
from sales_agent_dagster.agents.checkpoints import (
    ABANDONED_SECONDS,
    CheckpointStore,
    Resumption,
    checkpoint_store,
    open_saver,
    run_resumable,
)
from sales_agent_dagster.domain.errors import ConfigurationError, TransientError
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.settings import Settings, load_settings
from sales_agent_dagster_tests.agents.stepping import RESUMPTION, UNDISTURBED, Course, Part, Parts, stepping
from sales_agent_dagster_tests.conftest import new_database
from sales_agent_dagster_tests.postgres_server import free_port
from sales_agent_dagster_tests.redis_server import running_redis

GRAPH = stepping()
LEADS = {"leads": ["a", "b"]}


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CheckpointStore]:
    """An empty store of each kind, on a real server."""
    if request.param == "sqlite":
        yield CheckpointStore("sqlite", SecretStr(str(tmp_path / "checkpoints.db")))
    elif request.param == "postgres":
        with new_database(request.getfixturevalue("postgres_url"), "template0") as url:
            yield CheckpointStore("postgres", SecretStr(url))
    else:
        with running_redis() as url:
            yield CheckpointStore("valkey", SecretStr(url))


def run(store: CheckpointStore, course: Course, resumption: Resumption = RESUMPTION, **state: Any) -> Any:
    return asyncio.run(run_resumable(GRAPH, {**LEADS, **state}, course, store, resumption))


def stop(store: CheckpointStore, profile: Profile, node: str = "right") -> None:
    """A run that ends before ``node`` is done, as a killed one does."""
    with pytest.raises(TransientError):
        run(store, Course(profile, stop=node))


def threads(store: CheckpointStore, resumption: Resumption = RESUMPTION) -> int:
    """Runs of which something is kept."""

    async def count() -> int:
        async with open_saver(store, resumption.serializer) as saver:
            if store.kind == "valkey":
                return len(await saver.client.keys("*"))
            cursor = await saver.conn.execute("SELECT DISTINCT thread_id FROM checkpoints")
            return len(await cursor.fetchall())

    return asyncio.run(count())


def test_langgraphs_conformance_suite_passes(store: CheckpointStore) -> None:
    async def saver() -> AsyncIterator[Any]:
        async with open_saver(store, RESUMPTION.serializer) as opened:
            yield opened

    report = asyncio.run(validate(RegisteredCheckpointer(store.kind, saver)))
    assert {name: result.failures for name, result in report.results.items() if result.failures} == {}
    assert report.passed_all_base()
    assert sum(result.tests_passed for result in report.results.values()) > 40


def test_a_stopped_run_goes_on_after_its_last_finished_step(store: CheckpointStore, profile: Profile) -> None:
    stop(store, profile)
    second = Course(profile)
    assert run(store, second) == UNDISTURBED
    assert second.visited == ["right", "last"]
    assert threads(store) == 0, "a finished run leaves nothing"


def test_a_run_may_stop_again_and_keeps_what_it_had(store: CheckpointStore, profile: Profile) -> None:
    stop(store, profile, "right")
    again = Course(profile, stop="last")
    with pytest.raises(TransientError):
        run(store, again)
    assert again.visited == ["right", "last"]
    third = Course(profile)
    assert run(store, third) == UNDISTURBED
    assert third.visited == ["last"]


def test_what_is_kept_is_of_one_input_and_one_version(store: CheckpointStore, profile: Profile) -> None:
    stop(store, profile)
    others = [
        (Course(profile), Resumption(Parts, "2"), {}),
        (Course(profile), RESUMPTION, {"leads": ["a", "c"]}),
        (Course(profile.model_copy(update={"name": "another"})), RESUMPTION, {}),
        (Course(profile, engine=_engine(version="2")), RESUMPTION, {}),
        (Course(profile, engine=_engine(name="other")), RESUMPTION, {}),
        (Course(profile, policy="uncertain"), RESUMPTION, {}),
    ]
    for course, resumption, state in others:
        run(store, course, resumption, **state)
        assert course.visited == ["first", "left", "right", "last"]
    assert threads(store) > 0
    last = Course(profile)
    run(store, last)
    assert last.visited == ["right", "last"]


def _engine(**values: str) -> Any:
    engine = Course(None).engine  # type: ignore[arg-type]
    for name, value in values.items():
        setattr(engine, name, value)
    return engine


def keep(store: CheckpointStore, profile: Profile, graph: Any, serializer: Any, stop: str | None) -> None:
    """Leave what another version of the code would have left of the run."""

    async def leave() -> None:
        engine = Course(profile).engine
        context = (engine.name, engine.version, profile.model_dump_json(), "all")
        thread_id = RESUMPTION.thread_id(GRAPH, LEADS, *context)
        async with open_saver(store, serializer) as saver:
            kept = graph.copy({"checkpointer": saver})
            config = {"configurable": {"thread_id": thread_id}}
            with suppress(TransientError):
                await kept.ainvoke(LEADS, config, context=Course(profile, stop=stop), durability="sync")

    asyncio.run(leave())


def test_a_run_killed_between_its_end_and_the_clean_up_is_not_run_again(
    store: CheckpointStore, profile: Profile
) -> None:
    keep(store, profile, GRAPH, RESUMPTION.serializer, stop=None)
    again = Course(profile)
    assert run(store, again) == UNDISTURBED
    assert again.visited == []
    assert threads(store) == 0


def test_what_cannot_be_read_is_thrown_away(store: CheckpointStore, profile: Profile) -> None:
    keep(store, profile, GRAPH, JsonPlusSerializer(allowed_msgpack_modules=[Part]), stop="right")
    again = Course(profile)
    assert run(store, again) == UNDISTURBED
    assert again.visited == ["first", "left", "right", "last"]
    assert threads(store) == 0


def test_what_cannot_be_continued_is_thrown_away_with_a_warning(
    store: CheckpointStore, profile: Profile, caplog: pytest.LogCaptureFixture
) -> None:
    keep(store, profile, stepping(forgetful=True), RESUMPTION.serializer, stop="right")
    again = Course(profile)
    assert run(store, again) == UNDISTURBED
    assert again.visited == ["right", "first", "left", "right", "last"]
    assert "it starts over" in caplog.text
    assert threads(store) == 0


def test_a_state_that_cannot_be_written_is_a_fault_of_the_code(
    store: CheckpointStore, profile: Profile
) -> None:
    with pytest.raises(TypeError):
        run(store, Course(profile), leads=[print])


def test_runs_nobody_came_back_to_are_deleted(
    store: CheckpointStore, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(store, profile)
    if store.kind == "valkey":
        lifetimes = asyncio.run(_lifetimes(store))
        assert lifetimes
        assert all(0 < seconds <= ABANDONED_SECONDS for seconds in lifetimes)
        return
    assert threads(store) == 1
    now = time.time()
    monkeypatch.setattr(checkpoints.time, "time", lambda: now + ABANDONED_SECONDS - 60)
    assert threads(store) == 1
    monkeypatch.setattr(checkpoints.time, "time", lambda: now + ABANDONED_SECONDS + 60)
    assert threads(store, Resumption(int, "another graph's")) == 0


async def _lifetimes(store: CheckpointStore) -> list[int]:
    async with open_saver(store, RESUMPTION.serializer) as saver:
        return [await saver.client.ttl(key) for key in await saver.client.keys("*")]


def test_many_runs_open_a_new_store_at_once(store: CheckpointStore, profile: Profile) -> None:
    async def side_by_side() -> list[Any]:
        runs = (
            run_resumable(GRAPH, {"leads": [str(number)]}, Course(profile), store, RESUMPTION)
            for number in range(6)
        )
        return await asyncio.gather(*runs)

    assert [found["leads"] for found in asyncio.run(side_by_side())] == [[str(n)] for n in range(6)]
    assert threads(store) == 0


def test_a_new_file_that_another_one_writes_is_waited_for(tmp_path: Path, profile: Profile) -> None:
    store = CheckpointStore("sqlite", SecretStr(str(tmp_path / "checkpoints.db")))

    async def beside_a_writer() -> Any:
        with closing(sqlite3.connect(store.url.get_secret_value(), isolation_level=None)) as writer:
            writer.execute("CREATE TABLE other (n)")
            writer.execute("BEGIN IMMEDIATE")
            asyncio.get_running_loop().call_later(0.05, writer.execute, "COMMIT")
            async with open_saver(store, RESUMPTION.serializer) as saver:
                return [item async for item in saver.alist(None)]

    assert asyncio.run(beside_a_writer()) == []


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "valkey"])
def test_without_its_store_a_chunk_runs_all_the_same_and_says_so_once(
    kind: Any,
    profile: Profile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(checkpoints, "_warned", set())
    nobody = f"127.0.0.1:{free_port()}"
    urls = {"sqlite": f"{tmp_path}/no/such/folder.db", "postgres": f"postgresql://u:secret@{nobody}/x"}
    store = CheckpointStore(kind, SecretStr(urls.get(kind, f"redis://:secret@{nobody}")))
    for _ in range(2):
        course = Course(profile)
        assert run(store, course) == UNDISTURBED
        assert course.visited == ["first", "left", "right", "last"]
    ours = [record.message for record in caplog.records if record.name == checkpoints.__name__]
    assert len(ours) == 1
    assert f"Checkpoints in {kind} do not work" in ours[0]
    assert "secret" not in caplog.text


def test_a_store_that_goes_away_in_mid_run_costs_the_steps_so_far(
    postgres_url: str, profile: Profile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_warned", set())
    with new_database(postgres_url, "template0") as url:
        course = Course(profile, during=lambda: _disconnect(postgres_url))
        assert run(CheckpointStore("postgres", SecretStr(url)), course) == UNDISTURBED
    # The state of a step is kept while the next one runs, so that may have begun.
    assert course.visited[:3] == ["first", "left", "right"]
    assert course.visited[-4:] == ["first", "left", "right", "last"]
    assert "Checkpoints in postgres do not work" in caplog.text


def _disconnect(server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'sales_agent_checkpoints'"
        )


def make(tmp_path: Path, **values: Any) -> Settings:
    return load_settings(_env_file=None, home=tmp_path, **values)


def test_the_store_is_beside_the_warehouse_unless_said_otherwise(tmp_path: Path) -> None:
    postgres, redis = "postgresql://u@h/x", "redis://h"
    file = CheckpointStore("sqlite", SecretStr(str(tmp_path / "checkpoints.db")))
    assert checkpoint_store(make(tmp_path)) == file
    assert checkpoint_store(make(tmp_path, database_url="sqlite:///elsewhere.db")) == file
    assert checkpoint_store(make(tmp_path, checkpoints="sqlite", database_url=postgres)) == file
    assert checkpoint_store(make(tmp_path, database_url=postgres, redis_url=redis)) == CheckpointStore(
        "postgres", SecretStr(postgres)
    )
    assert checkpoint_store(make(tmp_path, checkpoints="valkey", redis_url=redis)) == CheckpointStore(
        "valkey", SecretStr(redis)
    )
    assert checkpoint_store(make(tmp_path, checkpoints="none", database_url=postgres)) is None


@pytest.mark.parametrize(
    ("kind", "needed"), [("postgres", "SALES_AGENT_DATABASE_URL"), ("valkey", "SALES_AGENT_REDIS_URL")]
)
def test_a_store_needs_its_server_named(tmp_path: Path, kind: str, needed: str) -> None:
    with pytest.raises(ConfigurationError, match=needed):
        checkpoint_store(make(tmp_path, checkpoints=kind))


def test_the_valkey_store_says_which_extra_it_needs(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "langgraph_checkpoint_aws.checkpoint.valkey", None)
    with pytest.raises(ConfigurationError, match="valkey"):
        run(CheckpointStore("valkey", SecretStr("redis://127.0.0.1:1")), Course(profile))
