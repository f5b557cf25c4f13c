"""The application: ``POST /webhooks/close``, ``POST /webhooks/hubspot``, ``GET /healthz``."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sales_agent_dagster.crm.delivery import DeliveryRefused
from sales_agent_dagster.domain.errors import SalesAgentError, TransientError
from sales_agent_dagster.service.receivers import Delivery, Receiver
from sales_agent_dagster.settings import ServiceSettings
from sales_agent_dagster.warehouse.database import Warehouse

LOGGER = logging.getLogger(__name__)
STATUSES = {"unsigned": 401, "signature": 401, "old": 401, "replayed": 409, "body": 400, "large": 413}
"""HTTP status of a refused delivery, by its code."""


class WebhookService:
    """What the routes do. Logs neither bodies nor addresses: they hold people's data.

    Args:
        receivers: by name of the CRM; others are answered 404.
    """

    def __init__(
        self, settings: ServiceSettings, warehouse: Warehouse, receivers: Mapping[str, Receiver]
    ) -> None:
        self._settings = settings
        self._warehouse = warehouse
        self._receivers = receivers

    def app(self) -> Starlette:
        """The application."""
        return Starlette(
            routes=[
                Route("/webhooks/{crm}", self.deliver, methods=["POST"]),
                Route("/healthz", self.health, methods=["GET"]),
            ]
        )

    async def deliver(self, request: Request) -> Response:
        """Take a delivery; the records that it speaks of are read after the answer."""
        receiver = self._receivers.get(request.path_params["crm"])
        if receiver is None:
            return _told("unknown", 404)
        try:
            body = await self._body(request)
            delivery = Delivery(request.method, self._uri(request), _headers(request), body)
            count = await run_in_threadpool(receiver.take, delivery)
        except DeliveryRefused as refused:
            LOGGER.warning("%s: delivery refused: %s", receiver.crm, refused)
            return _told(refused.code, STATUSES[refused.code])
        except SalesAgentError as error:
            # The warehouse or the CRM is away, or the CRM's key is refused: it will deliver again.
            LOGGER.warning("%s: delivery not taken: %s", receiver.crm, type(error).__name__)
            return _told("unavailable", 503)
        task = BackgroundTask(run_in_threadpool, _read, receiver)
        return JSONResponse({"status": "taken", "events": count}, background=task)

    async def health(self, request: Request) -> Response:
        """Whether the warehouse answers, and whose deliveries are taken."""
        try:
            await run_in_threadpool(self._ask_warehouse)
        except TransientError:
            return _told("unavailable", 503)
        return JSONResponse({"status": "ok", "crms": sorted(self._receivers)})

    def _ask_warehouse(self) -> None:
        with self._warehouse.reading() as connection:
            connection.execute(sa.select(1))

    async def _body(self, request: Request) -> bytes:
        """The body, read no further than the limit."""
        most = self._settings.max_body_kb * 1024
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise DeliveryRefused("large", f"The delivery is larger than {most} bytes.")
        return bytes(body)

    def _uri(self, request: Request) -> str:
        """The address as the CRM called it, nothing decoded or encoded anew."""
        scope = request.scope
        base = self._settings.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
        query = scope["query_string"].decode("latin-1")
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        return f"{base}{path}?{query}" if query else f"{base}{path}"


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _told(status: str, code: int) -> Response:
    return JSONResponse({"status": status}, status_code=code)


def _read(receiver: Receiver) -> None:
    try:
        receiver.reader.run()
    except SalesAgentError as error:
        # The next pull brings what is not read now.
        LOGGER.warning("%s: records not read: %s", receiver.crm, type(error).__name__)
