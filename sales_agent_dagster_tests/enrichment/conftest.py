from collections.abc import Iterator

import pytest

from sales_agent_dagster_tests.provider_servers.apollo import ApolloApp
from sales_agent_dagster_tests.provider_servers.hunter import HunterApp
from sales_agent_dagster_tests.provider_servers.serving import served


@pytest.fixture(scope="session")
def _apollo() -> Iterator[tuple[ApolloApp, str]]:
    app = ApolloApp()
    with served(app) as url:
        yield app, url


@pytest.fixture(scope="session")
def _hunter() -> Iterator[tuple[HunterApp, str]]:
    app = HunterApp()
    with served(app) as url:
        yield app, url


@pytest.fixture
def apollo(_apollo: tuple[ApolloApp, str]) -> ApolloApp:
    """Apollo's stand-in, as started."""
    _apollo[0].reset()
    return _apollo[0]


@pytest.fixture
def apollo_url(_apollo: tuple[ApolloApp, str]) -> str:
    return _apollo[1]


@pytest.fixture
def hunter(_hunter: tuple[HunterApp, str]) -> HunterApp:
    """Hunter's stand-in, as started."""
    _hunter[0].reset()
    return _hunter[0]


@pytest.fixture
def hunter_url(_hunter: tuple[HunterApp, str]) -> str:
    return _hunter[1]
