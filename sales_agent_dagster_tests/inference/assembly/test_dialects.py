"""Servers that speak nearly the same API: what they refuse by name is left out from then on."""

import asyncio

import pytest

from sales_agent_dagster.inference.cerebras.dialects import Dialects
from sales_agent_dagster.inference.cerebras.errors import Rejected
from sales_agent_dagster.inference.cerebras.request import Part
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.inference.assembly.conftest import MakeEngine
from sales_agent_dagster_tests.inference.assembly.judging import OTHER_MODEL, SCOPE, engines, given, tasks
from sales_agent_dagster_tests.inference.cerebras.questions import request


@pytest.mark.parametrize(
    ("refuses", "refused"),
    [
        (("reasoning_effort",), 1),
        (("seed", "temperature"), 2),
        (("max_completion_tokens",), 1),
        (("json_schema",), 1),
        (("json_schema", "json_object"), 2),
        (("response_format",), 2),
        (("reasoning_effort", "seed", "temperature", "max_completion_tokens", "response_format"), 6),
    ],
)
def test_what_a_server_refuses_by_name_is_left_out_from_then_on(
    make_engine: MakeEngine,
    cerebras: RunningServer,
    caplog: pytest.LogCaptureFixture,
    refuses: tuple[str, ...],
    refused: int,
) -> None:
    cerebras.reset(refuses=refuses)
    engine = make_engine(concurrency=1)
    for first in (0, 3):
        answers = asyncio.run(engine.answer_all(tasks(3, first), SCOPE))
        assert engines(answers) == {"cerebras": 3}
        assert {answer.degraded_reason for answer in given(answers)} == {None}
    assert cerebras.stats.requests == 6 + refused
    assert caplog.text.count("from here on") == refused


def test_each_model_has_its_own() -> None:
    dialects = Dialects()
    spoken = dialects.learn(request(), Rejected(400, "'seed' is unknown"))
    assert spoken is not None
    assert spoken.without == dialects.spoken(request()).without == {Part.SEED}
    assert dialects.spoken(request(model=OTHER_MODEL)).without == frozenset()


def test_what_was_left_out_already_is_refused_for_good() -> None:
    dialects = Dialects()
    asked = request()
    for part in ("json_schema", "response_format"):
        spoken = dialects.learn(asked, Rejected(422, "response_format is not supported"))
        assert spoken is not None, part
        asked = spoken
    assert asked.without == {Part.SCHEMA, Part.FORMAT}
    assert dialects.learn(asked, Rejected(422, "response_format is not supported")) is None
    assert dialects.learn(request(), Rejected(404, "no model takes response_format")) is None


@pytest.mark.parametrize("status", ["400", "422"])
def test_a_refusal_that_names_nothing_stays_one(
    make_engine: MakeEngine, cerebras: RunningServer, status: str
) -> None:
    cerebras.rates({status: 1.0})
    answers = asyncio.run(make_engine().answer_all(tasks(3), SCOPE))
    assert engines(answers) == {"scorecard": 3}
    assert cerebras.stats.requests == 3
