"""Fixtures for all tests. ``warehouse`` runs a test on SQLite and on a PostgreSQL started here."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from sales_agent_dagster.domain.profile import Profile, load_profile
from sales_agent_dagster.inference.engine import Engine, ScorecardEngine
from sales_agent_dagster.settings import PROJECT_ROOT, Settings, load_settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.cerebras_server.running import RunningServer, running_server
from sales_agent_dagster_tests.close_server.running import RunningClose, running_close
from sales_agent_dagster_tests.hubspot_server.running import RunningServer as RunningHubSpot
from sales_agent_dagster_tests.hubspot_server.running import running_server as running_hubspot
from sales_agent_dagster_tests.postgres_server import running_postgres
from sales_agent_dagster_tests.redis_server import RedisServer, redis_server
from sales_agent_dagster_tests.salesforce_server.running import RunningServer as RunningSalesforce
from sales_agent_dagster_tests.salesforce_server.running import running_server as running_salesforce

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
"""What the clock says in tests: a Monday."""

MakeContext = Callable[..., StageContext]

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first: last, they would run alone; and their warm fork server must be the first."""
    items.sort(key=lambda item: item.path.name != "test_kill.py")


@pytest.fixture(scope="session", autouse=True)
def _no_provider() -> None:
    """A key or address in the environment would make every test call a model or a provider of facts."""
    keys = ("SALES_AGENT_APOLLO_API_KEY", "SALES_AGENT_HUNTER_API_KEY")
    for name in ("CEREBRAS_API_KEY", "CEREBRAS_BASE_URL", *keys):
        os.environ.pop(name, None)


@pytest.fixture(scope="session")
def _cerebras_server() -> Iterator[RunningServer]:
    with running_server() as server:
        yield server


@pytest.fixture
def cerebras(_cerebras_server: RunningServer) -> RunningServer:
    """The model provider's stand-in, as started; ``cerebras.url`` is its base URL."""
    _cerebras_server.reset()
    return _cerebras_server


@pytest.fixture(scope="session")
def _close_server() -> Iterator[RunningClose]:
    with running_close() as server:
        yield server


@pytest.fixture
def close(_close_server: RunningClose) -> Iterator[RunningClose]:
    """Close's stand-in with an empty organisation; ``close.url`` is its base URL."""
    _close_server.reset()
    yield _close_server
    assert _close_server.app.errors == []


@pytest.fixture(scope="session")
def _salesforce_server() -> Iterator[RunningSalesforce]:
    with running_salesforce() as server:
        yield server


@pytest.fixture
def salesforce(_salesforce_server: RunningSalesforce) -> RunningSalesforce:
    """Salesforce's stand-in with an empty organisation; ``salesforce.url`` is login and instance URL."""
    _salesforce_server.reset()
    return _salesforce_server


@pytest.fixture(scope="session")
def _hubspot_server() -> Iterator[RunningHubSpot]:
    with running_hubspot(virtual=True) as server:
        yield server


@pytest.fixture
def hubspot(_hubspot_server: RunningHubSpot) -> RunningHubSpot:
    """HubSpot's stand-in with an empty account, its time standing still; ``hubspot.url`` is its host."""
    _hubspot_server.reset()
    return _hubspot_server


@pytest.fixture(scope="session")
def _redis_server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis_url(_redis_server: RedisServer) -> str:
    """URL of an empty Redis-protocol server. A test that kills one starts its own (``redis_server``)."""
    _redis_server.flush()
    return _redis_server.url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of this session's own; the URL of its maintenance database."""
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> str:
    """Name of a migrated, empty database on the server, to make copies of."""
    name = "migrated"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    template = Warehouse(database_url(postgres_url, name))
    template.migrate()
    template.dispose()
    return name


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file, to make copies of."""
    path = tmp_path_factory.mktemp("migrated") / "warehouse.db"
    template = Warehouse(f"sqlite:///{path}")
    template.migrate()
    template.dispose()
    return path


@pytest.fixture
def empty_postgres_url(postgres_url: str) -> Iterator[str]:
    """URL of a database without any table."""
    with new_database(postgres_url, "template0") as url:
        yield url


@pytest.fixture
def postgres_warehouse(postgres_url: str, migrated_postgres: str) -> Iterator[Warehouse]:
    """Migrated and empty, on PostgreSQL."""
    with new_database(postgres_url, migrated_postgres) as url:
        warehouse = Warehouse(url)
        yield warehouse
        warehouse.dispose()


@pytest.fixture
def sqlite_warehouse(settings: Settings, migrated_sqlite: Path) -> Iterator[Warehouse]:
    """Migrated and empty, on SQLite, where ``settings`` says."""
    settings.home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(migrated_sqlite, settings.home / "warehouse.db")
    warehouse = Warehouse(settings.warehouse_url.get_secret_value())
    yield warehouse
    warehouse.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """Migrated and empty, once on each database."""
    return request.getfixturevalue(f"{request.param}_warehouse")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, all state under the test's own folder; nothing from the environment's ``.env``."""
    return load_settings(_env_file=None, home=tmp_path / "home", incoming_dir=tmp_path / "incoming")


@pytest.fixture(scope="session")
def profile() -> Profile:
    """The repository's own profile."""
    return load_profile(PROJECT_ROOT / "data" / "profile.yaml")


@pytest.fixture
def context(settings: Settings, profile: Profile) -> MakeContext:
    """Makes a StageContext: ``context(warehouse, batch_id="batch-1", engine=..., profile=...)``."""

    def make(
        warehouse: Warehouse,
        batch_id: str = "batch-1",
        run_id: str = "run-1",
        engine: Engine | None = None,
        profile: Profile = profile,
        settings: Settings = settings,
        now: Callable[[], datetime] = lambda: NOW,
    ) -> StageContext:
        return StageContext(warehouse, settings, profile, engine or ScorecardEngine(), batch_id, run_id, now)

    return make


@contextmanager
def new_database(server_url: str, template: str) -> Iterator[str]:
    """URL of a copy of the database ``template`` on the server; dropped after."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield database_url(server_url, name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def database_url(server_url: str, name: str) -> str:
    """The same server, another database."""
    return f"{server_url.rpartition('/')[0]}/{name}"
