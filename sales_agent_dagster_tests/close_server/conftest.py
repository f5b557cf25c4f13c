"""The vendor's own client, on the stand-in's time."""

from __future__ import annotations

from collections.abc import Iterator

import closeio_api
import pytest

from sales_agent_dagster_tests.close_server import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose


@pytest.fixture
def api(close: RunningClose, monkeypatch: pytest.MonkeyPatch) -> Iterator[closeio_api.API]:
    # The client cuts decimals off a reset and then asks in vain until the way there has taken the rest.
    monkeypatch.setattr("closeio_api.time.sleep", lambda seconds: close.clock.advance(seconds + 0.3))
    client = closeio_api.API(close.url, API_KEY, max_retries=5)
    yield client
    client.session.close()
