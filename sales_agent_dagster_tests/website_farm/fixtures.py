"""Fixtures of tests that fetch; imported by their conftest modules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sales_agent_dagster_tests.website_farm.running import RunningFarm, running_farm


@pytest.fixture(scope="session")
def _farm() -> Iterator[RunningFarm]:
    with running_farm() as running:
        yield running


@pytest.fixture
def farm(_farm: RunningFarm) -> RunningFarm:
    """A farm without hosts, of which nothing was asked."""
    _farm.farm.clear()
    return _farm
