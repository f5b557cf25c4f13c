"""What ``benchmarks.inference`` measures, each in a process of its own: prints one JSON document.

``python -m benchmarks.inference_worker NAME '{"url": ..., ...}'``
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.scorecard import made_up_leads
from sales_agent_dagster.agents.qualification import rules
from sales_agent_dagster.agents.qualification.graph import MAX_COMPLETION_TOKENS, prompt_for, qualify
from sales_agent_dagster.agents.qualification.judging import payload_of
from sales_agent_dagster.agents.qualification.state import Judgement
from sales_agent_dagster.agents.runtime import AgentContext
from sales_agent_dagster.cli.main import GC_THRESHOLDS
from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.profile import Profile, load_profile
from sales_agent_dagster.inference.build import build_engine
from sales_agent_dagster.inference.cerebras.client import COMPLETIONS_PATH
from sales_agent_dagster.inference.cerebras.request import CompletionRequest, Parameters
from sales_agent_dagster.inference.cerebras.schema import strict_schema
from sales_agent_dagster.inference.engine import Engine
from sales_agent_dagster.settings import PROJECT_ROOT, Settings, load_settings
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse

Figures = dict[str, Any]

SCOPE = CallScope("benchmark", "benchmark")


def profile() -> Profile:
    return load_profile(PROJECT_ROOT / "data" / "profile.yaml")


def question() -> tuple[str, Mapping[str, Any]]:
    """The qualification agent's system prompt and schema."""
    return prompt_for(profile()).system, strict_schema(Judgement).schema


def made_up_payloads(count: int) -> list[dict[str, Any]]:
    """What the qualification agent tells a model about made-up leads."""
    icp = profile().icp
    return [dict(payload_of(rules.score(lead, icp))) for lead in made_up_leads(count)]


def opened(home: str, url: str, chosen: Mapping[str, Any]) -> tuple[Settings, Warehouse, Engine]:
    settings = load_settings(_env_file=None, home=Path(home), cerebras_base_url=url, cerebras=dict(chosen))
    settings.home.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(settings.warehouse_url.get_secret_value())
    warehouse.migrate()
    return settings, warehouse, build_engine(settings, WarehouseCalls(warehouse))


def calls(url: str, leads: int, chunk: int, chosen: Mapping[str, Any]) -> Figures:
    """Qualification of made-up leads: graph, model, validation, ledger; after a warm-up of one chunk."""
    with tempfile.TemporaryDirectory() as home:
        _, warehouse, engine = opened(home, url, chosen)
        context = AgentContext(engine, profile(), SCOPE)
        made_up = made_up_leads(leads + 200)
        asyncio.run(qualify(made_up[leads:], context))
        gc.collect()
        verdicts: list[Any] = []
        began, cpu = time.perf_counter(), time.process_time()
        for start in range(0, leads, chunk):
            verdicts += asyncio.run(qualify(made_up[start : min(leads, start + chunk)], context))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        engine.close()
        warehouse.dispose()
    answers = [verdict.answer for verdict in verdicts]
    return {
        "seconds": seconds,
        "cpu": cpu,
        "latencies": [answer.latency_ms for answer in answers],
        "failed": sum(answer.engine != "cerebras" for answer in answers),
    }


def invoke(url: str, leads: int, chosen: Mapping[str, Any]) -> Figures:
    """Qualification of one lead at a time: milliseconds of each."""
    with tempfile.TemporaryDirectory() as home:
        _, warehouse, engine = opened(home, url, chosen)
        context = AgentContext(engine, profile(), SCOPE)
        made_up = made_up_leads(leads + 5)

        async def one_by_one() -> list[float]:
            times = []
            for lead in made_up:
                began = time.perf_counter()
                await qualify([lead], context)
                times.append((time.perf_counter() - began) * 1000)
            return times[5:]

        latencies = asyncio.run(one_by_one())
        engine.close()
        warehouse.dispose()
    return {"latencies": latencies}


def bare(url: str, leads: int) -> Figures:
    """The same questions over a plain socket, one at a time: milliseconds of each."""
    bodies = [_body(payload) for payload in made_up_payloads(leads + 5)]
    latencies = []
    connection = HTTPConnection(urlsplit(url).netloc)
    with closing(connection):
        for body in bodies:
            began = time.perf_counter()
            connection.request("POST", COMPLETIONS_PATH, body, {"Authorization": "Bearer none"})
            connection.getresponse().read()
            latencies.append((time.perf_counter() - began) * 1000)
    return {"latencies": latencies[5:]}


def _body(payload: Mapping[str, Any]) -> bytes:
    parameters = Parameters(MAX_COMPLETION_TOKENS, "low")
    system = prompt_for(profile()).system
    return CompletionRequest("gpt-oss-120b", system, payload, strict_schema(Judgement), parameters).body


def pipeline(url: str, home: str, file: str, policy: str, chosen: Mapping[str, Any]) -> Figures:
    """A file through Dagster, all assets and checks, as ``sales-agent run`` does it."""
    os.environ.pop("DAGSTER_HOME", None)
    from sales_agent_dagster.cli.dagster_home import prepare_dagster_home
    from sales_agent_dagster.defs.run import materialize_batch

    warn = {"latency_sla": "warn", "rejected_ratio": "warn"}
    settings = load_settings(
        _env_file=None,
        home=Path(home),
        cerebras_base_url=url,
        cerebras=dict(chosen),
        checks=warn,
        model_policy=policy,
    )
    settings.home.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(settings.warehouse_url.get_secret_value())
    warehouse.migrate()
    registration = register_file(Path(file), warehouse, settings, datetime.now(UTC))
    prepare_dagster_home(settings)
    began, cpu = time.perf_counter(), time.process_time()
    results = [materialize_batch(batch_id, settings) for batch_id in registration.batch_ids]
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    with warehouse.reading() as connection:
        spent = connection.exec_driver_sql("SELECT COALESCE(SUM(cost_usd), 0) FROM agent_calls").scalar_one()
        leads = connection.exec_driver_sql("SELECT COUNT(*) FROM imported_leads").scalar_one()
    warehouse.dispose()
    failures = [failure.message for result in results for failure in result.failures]
    return {"seconds": seconds, "cpu": cpu, "usd": spent, "leads": leads, "failures": failures}


def naive(url: str, leads: int, at_once: int) -> Figures:
    from benchmarks.naive_client import naive as ask

    return ask(url, leads, at_once)


WORK: dict[str, Callable[..., Figures]] = {
    work.__name__: work for work in (calls, invoke, bare, pipeline, naive)
}


def main() -> None:
    gc.set_threshold(*GC_THRESHOLDS)
    print(json.dumps(partial(WORK[sys.argv[1]], **json.loads(sys.argv[2]))()))


if __name__ == "__main__":
    main()
