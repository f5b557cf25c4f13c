"""Answers of models in a file: written by a live evaluation, read by one that must not ask anybody.

A file is JSON lines: a header, then an answer each, by the key that the ledger knows it by. A changed prompt,
model, schema or golden lead has another key, so a recording answers only what was really asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sales_agent_dagster.domain.calls import CallOutcome, CallRecord, CallScope
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.inference.cerebras.questions import Question, question_of
from sales_agent_dagster.inference.cerebras.tokens import ReasoningEffort
from sales_agent_dagster.inference.engine import Answer, NoAnswer, OutputT, Task, answer_by_rules
from sales_agent_dagster.settings import CerebrasSettings
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse

NOT_RECORDED = "not in the recording"
UNREADABLE = "a recorded answer does not fit its type"


class Header(BaseModel):
    """First line of a recording.

    Attributes:
        models: in the order in which they were asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    engine: str
    engine_version: str
    models: list[str] = Field(min_length=1)
    reasoning_effort: ReasoningEffort


class RecordedAnswer(BaseModel):
    """One further line of a recording."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    call_key: str
    model: str
    response: str
    latency_ms: float = Field(ge=0)
    cost_usd: float = Field(ge=0)


class RecordingCalls(WarehouseCalls):
    """A ledger that also remembers every answer it gave or was given."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(warehouse)
        self.answers: dict[str, CallRecord] = {}

    def find(self, call_keys: Collection[str]) -> dict[str, CallRecord]:
        """See ``WarehouseCalls``."""
        found = super().find(call_keys)
        self.answers |= found
        return found

    def add(self, records: Sequence[CallRecord]) -> None:
        """See ``WarehouseCalls``."""
        super().add(records)
        self.answers |= {call.call_key: call for call in records if call.outcome is CallOutcome.OK}

    def write(self, path: Path, header: Header) -> int:
        """Write the answers, ordered by key; returns how many."""
        lines = [header.model_dump_json()]
        for key in sorted(self.answers):
            call = self.answers[key]
            answer = RecordedAnswer(
                call_key=key,
                model=call.model,
                response=call.response or "",
                latency_ms=round(call.latency_ms, 3),
                cost_usd=call.cost_usd,
            )
            lines.append(answer.model_dump_json())
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return len(self.answers)


def header_of(engine: str, version: str, cerebras: CerebrasSettings) -> Header:
    """The header of what an engine with these settings answers."""
    models = [cerebras.model, *cerebras.fallback_models]
    return Header(
        engine=engine, engine_version=version, models=models, reasoning_effort=cerebras.reasoning_effort
    )


class RecordedEngine:
    """Answers from a recording; what it does not hold, the rules answer, and the answer says so.

    Raises:
        ConfigurationError: the file cannot be read or is no recording; names the line.
    """

    def __init__(self, path: Path) -> None:
        header, self._answers = _read(path)
        self.name, self.version = header.engine, header.engine_version
        self._models, self._effort = header.models, header.reasoning_effort

    async def answer_all(
        self, tasks: Sequence[Task[OutputT]], scope: CallScope, *, stored: bool = True
    ) -> list[Answer[OutputT] | NoAnswer]:
        """The recorded answers, in order."""
        return [self._answer(task) for task in tasks]

    def check(self) -> None:
        """Nothing to check."""

    async def settle(self) -> None:
        """Nothing is paid for."""

    def close(self) -> None:
        """Nothing to release."""

    def _answer(self, task: Task[OutputT]) -> Answer[OutputT] | NoAnswer:
        first: Question[OutputT] = question_of(task, self._models[0], self._effort)
        for model in self._models:
            found = self._answers.get(first.to(model).key)
            if found is None:
                continue
            try:
                value = task.output_type.model_validate_json(found.response)
            except ValidationError:
                return answer_by_rules(task, UNREADABLE)
            return Answer(value, self.name, found.model, found.latency_ms, 0.0, None, replayed=True)
        return answer_by_rules(task, NOT_RECORDED)


def _read(path: Path) -> tuple[Header, dict[str, RecordedAnswer]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}.") from None
    answers: dict[str, RecordedAnswer] = {}
    try:
        header = Header.model_validate(orjson.loads(lines[0]))
        for line in lines[1:]:
            answer = RecordedAnswer.model_validate(orjson.loads(line))
            answers[answer.call_key] = answer
    except (IndexError, ValueError):  # broken JSON and what pydantic refuses are ValueErrors
        raise ConfigurationError(f"{path} is no recording of answers: line {len(answers) + 1}.") from None
    return header, answers
