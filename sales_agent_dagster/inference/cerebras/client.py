"""The one way to the model provider: requests out, completions or typed errors back. Retries nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import orjson

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.inference.cerebras.connections import close_sdk, shared_sdk
from sales_agent_dagster.inference.cerebras.endpoint import Endpoint
from sales_agent_dagster.inference.cerebras.errors import (
    ProviderDown,
    RateLimited,
    Rejected,
    error_of_status,
    words_of,
)
from sales_agent_dagster.inference.cerebras.replies import Completion, read_response
from sales_agent_dagster.inference.cerebras.request import CompletionRequest
from sales_agent_dagster.settings import Settings

if TYPE_CHECKING:
    import httpx
    from cerebras.cloud.sdk import APIStatusError

ResultT = TypeVar("ResultT")

COMPLETIONS_PATH = "/v1/chat/completions"
MODELS_PATH = "/v1/models"

MODELS_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0

MAX_SHOWN_MODELS = 20


class CerebrasClient:
    """Asks models. Safe to use from several loops and threads at once: see ``connections``.

    Args:
        connections: most connections at once, per loop.
    """

    def __init__(self, endpoint: Endpoint, connections: int) -> None:
        self.endpoint = endpoint
        self._connections = connections
        # Not the path alone: the SDK would join it to its base URL anew for every request.
        self._completions_url = f"{endpoint.url}{COMPLETIONS_PATH}"
        self._unlisted = False  # its list of models is not found

    async def complete(self, request: CompletionRequest, timeout_s: float) -> Completion:
        """One request, one response.

        ``timeout_s`` is for everything from waiting for a connection to the last byte.

        Raises:
            Rejected, RateLimited, ProviderDown, InvalidAnswer: see their module.
        """
        import httpx

        sdk = await shared_sdk(self.endpoint, self._connections)
        timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
        # Not chat.completions.create: walking the typed dicts of a request is half of the SDK's time in it.
        sending = sdk.post(
            self._completions_url, content=request.body, cast_to=httpx.Response, options={"timeout": timeout}
        )
        try:
            response = await self._received(sending, timeout_s)
        except Rejected as refusal:
            if refusal.status != 404 or not self._unlisted:
                raise
            raise Rejected(404, refusal.detail, fix=_nowhere(self.endpoint.url)) from None
        return read_response(response.content, _plain(response.headers), request.prompt_tokens)

    async def models(self) -> list[str]:
        """Ids of the models that the server offers. Raises as ``complete`` does."""
        import httpx

        sdk = await shared_sdk(self.endpoint, self._connections)
        asking = sdk.get(MODELS_PATH, cast_to=httpx.Response, options={"timeout": MODELS_TIMEOUT_S})
        try:
            response = await self._received(asking, MODELS_TIMEOUT_S)
        except Rejected as refusal:
            self._unlisted = refusal.status == 404
            raise
        ids = _model_ids(response.content)
        if ids is None:
            raise Rejected(response.status_code, f"{self.endpoint.host} gives no list of models")
        return ids

    async def close(self) -> None:
        """Close the running loop's connections; the next request opens new ones."""
        await close_sdk(self.endpoint, self._connections)

    async def _received(self, sending: Awaitable[ResultT], timeout_s: float) -> ResultT:
        """The result of an SDK call, its errors as ours."""
        from cerebras.cloud.sdk import APIConnectionError, APIStatusError

        try:
            # The SDK's own timeout is per read: a server that sends a byte now and then never meets it.
            async with asyncio.timeout(timeout_s):
                return await sending
        except APIStatusError as error:
            raise _status_error(error) from None
        except (TimeoutError, APIConnectionError) as error:
            raise _no_answer(error, self.endpoint.host, timeout_s) from None


async def check_models(client: CerebrasClient, settings: Settings) -> None:
    """Make sure that the server offers the model and its fallbacks: model ids die within months.

    Raises:
        ConfigurationError: naming each that it does not offer, close matches, and what it offers.
        Rejected, RateLimited, ProviderDown: the server gives no list.
    """
    chosen = settings.cerebras
    offered = await client.models()
    faults = [
        f"{variable} names {model!r}{_did_you_mean(model, offered) or '.'}"
        for variable, models in (
            ("SALES_AGENT_CEREBRAS__MODEL", (chosen.model,)),
            ("SALES_AGENT_CEREBRAS__FALLBACK_MODELS", chosen.fallback_models),
        )
        for model in models
        if model not in offered
    ]
    if faults:
        shown = ", ".join(sorted(offered)[:MAX_SHOWN_MODELS]) or "no model"
        raise ConfigurationError(
            f"{client.endpoint.host} does not offer every model asked for:\n  "
            + "\n  ".join(faults)
            + f"\nIt offers {shown}."
        )


def _nowhere(url: str) -> str:
    return (
        f"check CEREBRAS_BASE_URL, for {url} has no list of models either; "
        "if there is none, check SALES_AGENT_CEREBRAS__MODEL"
    )


def _did_you_mean(model: str, offered: Sequence[str]) -> str:
    from rapidfuzz import process

    close = [name for name, _, _ in process.extract(model, offered, limit=2, score_cutoff=60)]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _status_error(error: APIStatusError) -> Rejected | RateLimited | ProviderDown:
    # The SDK's own status: a ``status_code`` in the body takes the place of HTTP's.
    return error_of_status(error.status_code, error.response.headers, words_of(error.body))


def _no_answer(error: Exception, host: str, timeout_s: float) -> ProviderDown:
    # Not by the SDK's type: the transport reports a connection that the server closed as a timeout, too.
    causes = list(_causes(error))
    if any(isinstance(cause, TimeoutError) for cause in causes):
        return ProviderDown(f"no answer from {host} within {timeout_s:g} s", timed_out=True)
    return ProviderDown(f"no connection to {host} ({type(causes[-1]).__name__})")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _plain(headers: httpx.Headers) -> dict[str, str]:
    """Headers by lower-case name. Each look-up in httpx's own decodes all of them."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers.raw}


def _model_ids(body: bytes) -> list[str] | None:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    models = data.get("data") if isinstance(data, dict) else None
    if not isinstance(models, list):
        return None
    return [model["id"] for model in models if isinstance(model, dict) and isinstance(model.get("id"), str)]
