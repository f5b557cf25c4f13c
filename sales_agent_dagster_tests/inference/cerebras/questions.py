"""A question for the tests: a small output model with everything that can go wrong in one."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from sales_agent_dagster.inference.cerebras.client import CerebrasClient
from sales_agent_dagster.inference.cerebras.endpoint import Endpoint
from sales_agent_dagster.inference.cerebras.errors import InvalidAnswer, ProviderDown, RateLimited, Rejected
from sales_agent_dagster.inference.cerebras.replies import read_answer
from sales_agent_dagster.inference.cerebras.request import CompletionRequest, Parameters
from sales_agent_dagster.inference.cerebras.schema import strict_schema
from sales_agent_dagster_tests.cerebras_server.running import RunningServer

OutputT = TypeVar("OutputT", bound=BaseModel)
ERRORS = (Rejected, RateLimited, ProviderDown, InvalidAnswer)


class Point(BaseModel):
    """One point."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["fit", "risk"]
    text: Annotated[str, Field(max_length=80)]


class Opinion(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(extra="forbid")
    score: float = Field(ge=0, le=100)
    points: list[Point] = Field(max_length=3)
    note: str | None = None


MODEL = "gpt-oss-120b"
SYSTEM = "You judge how well a contractor fits.\n"


def request(payload: dict[str, Any] | None = None, room: int = 500, **parts: Any) -> CompletionRequest:
    given = {"model": MODEL, "system": SYSTEM, "schema": strict_schema(Opinion), **parts}
    return CompletionRequest(
        payload={"company_name": "Example Generators"} if payload is None else payload,
        parameters=Parameters(room, "low"),
        **given,
    )


def client_of(server: RunningServer, connections: int = 8, key: str = "test-key") -> CerebrasClient:
    return CerebrasClient(Endpoint(server.url, SecretStr(key)), connections)


async def answer(
    client: CerebrasClient, asked: CompletionRequest, output_type: type[OutputT], timeout_s: float = 10
) -> OutputT:
    return read_answer(await client.complete(asked, timeout_s), output_type)


def ask(server: RunningServer, asked: CompletionRequest | None = None, timeout_s: float = 10) -> Opinion:
    """One question, one answer, in a loop of its own."""
    return asyncio.run(answer(client_of(server), asked or request(), Opinion, timeout_s))


def failure(
    server: RunningServer, asked: CompletionRequest | None = None, timeout_s: float = 10
) -> Exception:
    """The typed error that a question ends with; any other one comes through."""
    try:
        found = ask(server, asked, timeout_s)
    except ERRORS as error:
        return error
    raise AssertionError(f"no error but {found!r}")
