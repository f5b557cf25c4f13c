import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.evaluation.golden import load_golden
from sales_agent_dagster.evaluation.recording import (
    NOT_RECORDED,
    UNREADABLE,
    RecordedEngine,
    RecordingCalls,
    header_of,
)
from sales_agent_dagster.evaluation.run import Evaluation, evaluate
from sales_agent_dagster.inference.build import build_engine
from sales_agent_dagster.inference.engine import Engine
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.cerebras_server import running_server
from sales_agent_dagster_tests.cerebras_server.running import RunningServer

CASES = load_golden()[:6]


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with running_server() as running:
        yield running


@pytest.fixture
def live(settings: Settings, server: RunningServer) -> Settings:
    server.reset()
    provider = {"engine": "cerebras", "cerebras_api_key": "test", "cerebras_base_url": server.url}
    return Settings(_env_file=None, home=settings.home, **provider)  # type: ignore[arg-type]


def run(engine: Engine, profile: Profile, number: int = 1) -> Evaluation:
    try:
        return asyncio.run(evaluate(engine, profile, CASES, CallScope(f"eval-{number}", f"eval-{number}")))
    finally:
        engine.close()


def results(evaluation: Evaluation) -> list[tuple[object, ...]]:
    return [(one.score, one.tier, one.claims, one.grounded, one.dropped) for one in evaluation.results]


def record(live: Settings, profile: Profile, warehouse: Warehouse, path: Path) -> Evaluation:
    store = RecordingCalls(warehouse)
    engine = build_engine(live, store)
    evaluation = run(engine, profile)
    assert store.write(path, header_of(engine.name, engine.version, live.cerebras)) == 2 * len(CASES)
    return evaluation


def test_a_recording_gives_the_same_without_a_server(
    live: Settings, profile: Profile, sqlite_warehouse: Warehouse, tmp_path: Path, server: RunningServer
) -> None:
    path = tmp_path / "answers.jsonl"
    asked = record(live, profile, sqlite_warehouse, path)
    requests = server.stats.requests
    replayed = run(RecordedEngine(path), profile)
    assert server.stats.requests == requests == 2 * len(CASES)
    assert results(replayed) == results(asked)
    assert replayed.key == asked.key
    assert replayed.models == asked.models
    answers = [answer for result in replayed.results for answer in result.answers]
    assert all(answer.replayed and not answer.cost_usd for answer in answers)
    assert [answer.latency_ms for answer in answers] == pytest.approx(
        [answer.latency_ms for result in asked.results for answer in result.answers], abs=0.001
    )


def test_what_the_ledger_has_is_recorded_too(
    live: Settings, profile: Profile, sqlite_warehouse: Warehouse, tmp_path: Path, server: RunningServer
) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    record(live, profile, sqlite_warehouse, first)
    record(live, profile, sqlite_warehouse, second)
    assert server.stats.requests == 2 * len(CASES)
    assert second.read_text() == first.read_text()


def test_what_is_not_recorded_is_answered_by_rules_and_says_so(
    live: Settings, profile: Profile, sqlite_warehouse: Warehouse, tmp_path: Path
) -> None:
    path = tmp_path / "answers.jsonl"
    record(live, profile, sqlite_warehouse, path)
    rubric = profile.icp.model_copy(update={"rubric": "Only roofers are strong leads, all others are weak."})
    other_prompt = run(RecordedEngine(path), profile.model_copy(update={"icp": rubric}))
    assert {result.qualification.degraded_reason for result in other_prompt.results} == {NOT_RECORDED}
    assert {result.enrichment.degraded_reason for result in other_prompt.results} == {None}

    lines = path.read_text().replace('\\"ratings\\":', '\\"ratios\\":')
    path.write_text(lines)
    broken = run(RecordedEngine(path), profile)
    assert {result.qualification.degraded_reason for result in broken.results} == {UNREADABLE}


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ("{}", 1), ("<html>", 1), ('{"engine":"e","engine_version":"1","models":["m"],'
      '"reasoning_effort":"low"}\n{"call_key":"k"}', 1)],
)  # fmt: skip
def test_a_file_that_is_no_recording_is_named(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=rf"answers.jsonl is no recording of answers: line {line}\."):
        RecordedEngine(path)
    with pytest.raises(ConfigurationError, match="No such file"):
        RecordedEngine(tmp_path / "elsewhere")
