"""From an agent's task to a request, and the key that its answer is known by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic

from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.inference.cerebras.request import CompletionRequest, Parameters
from sales_agent_dagster.inference.cerebras.schema import strict_schema
from sales_agent_dagster.inference.cerebras.tokens import ReasoningEffort, completion_limit
from sales_agent_dagster.inference.engine import OutputT, Task
from sales_agent_dagster.inference.ledger import call_key


@dataclass(frozen=True, slots=True)
class Question(Generic[OutputT]):
    """A task as one model is asked it.

    Attributes:
        key: what the answer is known by in the ledger.
        input_hash: of the payload.
    """

    task: Task[OutputT]
    request: CompletionRequest
    key: str
    input_hash: str

    def to(self, model: str) -> Question[OutputT]:
        """The same question to another model."""
        return _question(self.task, replace(self.request, model=model), self.input_hash)


def question_of(task: Task[OutputT], model: str, effort: ReasoningEffort) -> Question[OutputT]:
    """The question that a task asks.

    Raises:
        UnsupportedSchema: the output type cannot be asked for.
        TypeError: the payload is not JSON-ready. Whatever ``describe`` raises comes through too.
    """
    payload = task.payload
    parameters = Parameters(completion_limit(task.max_completion_tokens, effort), effort)
    schema = strict_schema(task.output_type)
    request = CompletionRequest(model, task.prompt.system, payload, schema, parameters)
    return _question(task, request, content_hash(payload))


def _question(task: Task[OutputT], request: CompletionRequest, input_hash: str) -> Question[OutputT]:
    key = call_key(
        agent=task.prompt.agent,
        prompt_version=task.prompt.version,
        model=request.model,
        parameters_hash=request.parameters.hash,
        schema_hash=request.schema.hash,
        input_hash=input_hash,
    )
    return Question(task, request, key, input_hash)
