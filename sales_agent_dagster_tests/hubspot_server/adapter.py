"""The stand-in without sockets: an adapter of ``requests`` asks it directly. For many histories."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from sales_agent_dagster_tests.hubspot_server.app import StandIn


class DirectAdapter(BaseAdapter):
    """``session.mount(url, DirectAdapter(app))``; a closed connection is a ConnectionError here too."""

    def __init__(self, app: StandIn) -> None:
        super().__init__()
        self._app = app

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        parts = urlsplit(str(request.url))
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        found = self._app.handle(str(request.method), parts.path, parts.query, headers, body)
        if found is None:
            raise requests.ConnectionError("Connection aborted.", request=request)
        content = found.raw
        if content is None:
            content = b"" if found.status == 204 else orjson.dumps(found.body)
        kind = "text/html" if content.startswith(b"<") else "application/json"
        response = requests.Response()
        response.status_code = found.status
        response.headers.update({"Content-Type": kind, **found.headers})
        response.raw = HTTPResponse(BytesIO(content), preload_content=False)
        response.request = request
        response.url = str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""
