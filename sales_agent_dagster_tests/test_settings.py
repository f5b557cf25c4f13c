"""Settings come from the environment, are typed, and say what is wrong with them."""

from pathlib import Path

import pytest

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import Enforcement, load_settings


def test_the_defaults_need_no_server_and_lie_under_one_home(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path / "state")
    assert settings.database_url is None
    assert settings.warehouse_url.get_secret_value() == f"sqlite:///{tmp_path / 'state' / 'warehouse.db'}"
    assert settings.archive_dir.parent == settings.dagster_home.parent == tmp_path / "state"


def test_limits_are_the_published_ones() -> None:
    sla = load_settings().sla
    assert (sla.qualification.p50_ms, sla.qualification.p95_ms) == (633, 1000)
    others = ("enrichment", "growth", "marketing", "bdr", "conversation")
    assert [getattr(sla, name).p95_ms for name in others] == [3000, 5000, 4000, 2000, 1000]


def test_nested_variables_and_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_SLA__GROWTH__P95_MS", "12")
    monkeypatch.setenv("SALES_AGENT_CHECKS__LATENCY_SLA", "warn")
    monkeypatch.setenv("SALES_AGENT_DATABASE_URL", "postgresql://user:hunter2@db/sales")
    settings = load_settings()
    assert settings.sla.growth.p95_ms == 12
    assert settings.checks.latency_sla is Enforcement.WARN
    assert settings.warehouse_url.get_secret_value().endswith("@db/sales")
    assert "hunter2" not in repr(settings)


def test_a_variable_that_is_no_setting_of_its_section_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_CRM__RULES", "x")
    with pytest.raises(ConfigurationError, match="SALES_AGENT_CRM__RULES: there is no such setting"):
        load_settings()


def test_an_empty_variable_is_not_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_DATABASE_URL", "")
    assert load_settings().database_url is None


def test_all_faults_are_listed_at_once_by_variable_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_BATCH_SIZE", "many")
    monkeypatch.setenv("SALES_AGENT_SLA__QUALIFICATION__P50_MS", "-1")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert "SALES_AGENT_BATCH_SIZE" in str(caught.value)
    assert "SALES_AGENT_SLA__QUALIFICATION__P50_MS" in str(caught.value)


def test_the_provider_s_own_variables_and_their_keywords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEREBRAS_API_KEY", "from-environment")
    monkeypatch.setenv("CEREBRAS_BASE_URL", "http://environment.example.com")
    settings = load_settings(_env_file=None)
    assert settings.cerebras_api_key is not None
    assert settings.cerebras_api_key.get_secret_value() == "from-environment"
    assert settings.cerebras_base_url == "http://environment.example.com"
    assert "from-environment" not in repr(settings)
    given = load_settings(_env_file=None, cerebras_base_url="http://given.example.com", cerebras_api_key=None)
    assert (given.cerebras_base_url, given.cerebras_api_key) == ("http://given.example.com", None)


def test_faults_name_the_variable_not_the_type_that_did_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_CEREBRAS__HEDGE_AFTER_MS", "-3")
    monkeypatch.setenv("SALES_AGENT_CEREBRAS__CONCURRENCY", "0")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(_env_file=None, cerebras_base_url=5)
    lines = [line.strip().split(":")[0] for line in str(caught.value).splitlines()[1:]]
    assert lines == [
        "CEREBRAS_BASE_URL",
        "SALES_AGENT_CEREBRAS__CONCURRENCY",
        "SALES_AGENT_CEREBRAS__HEDGE_AFTER_MS",
        "SALES_AGENT_CEREBRAS__HEDGE_AFTER_MS",
    ]
    assert "-3" not in str(caught.value)


@pytest.mark.parametrize(("text", "value"), [("250", 250.0), ("p95", "p95")])
def test_hedging_by_time_or_percentile(monkeypatch: pytest.MonkeyPatch, text: str, value: object) -> None:
    monkeypatch.setenv("SALES_AGENT_CEREBRAS__HEDGE_AFTER_MS", text)
    assert load_settings(_env_file=None).cerebras.hedge_after_ms == value


@pytest.mark.parametrize("key", [" ", "00", "0x" + "0" * 62, "0" * 33, "g" * 64])
def test_a_key_with_which_anybody_could_sign_is_refused(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("SALES_AGENT_CLOSE__WEBHOOK_KEY", key)
    monkeypatch.setenv("SALES_AGENT_HUBSPOT__CLIENT_SECRET", " ")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(_env_file=None)
    for name in ("SALES_AGENT_CLOSE__WEBHOOK_KEY", "SALES_AGENT_HUBSPOT__CLIENT_SECRET"):
        assert name in str(refused.value)
    monkeypatch.setenv("SALES_AGENT_CLOSE__WEBHOOK_KEY", "0f" * 32)
    monkeypatch.setenv("SALES_AGENT_HUBSPOT__CLIENT_SECRET", "secret")
    assert load_settings(_env_file=None).close.webhook_key is not None


@pytest.mark.parametrize(
    ("given", "read"),
    [("a", ("a",)), (" a, b ,", ("a", "b")), ('["a, b", "c"]', ("a, b", "c")), ("[]", ())],
)
def test_a_list_is_values_with_commas_or_json(
    monkeypatch: pytest.MonkeyPatch, given: str, read: tuple[str, ...]
) -> None:
    monkeypatch.setenv("SALES_AGENT_CEREBRAS__FALLBACK_MODELS", given)
    assert load_settings().cerebras.fallback_models == read


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SALES_AGENT_CRM", "close", "SALES_AGENT_CRM__NAME"),
        ("SALES_AGENT_SLA__GROWTH", "12", "SALES_AGENT_SLA__GROWTH__NAME"),
        ("SALES_AGENT_SLA__GROWTH", "fast", "SALES_AGENT_SLA__NAME"),
        ("SALES_AGENT_CEREBRAS__FALLBACK_MODELS", "[a", "JSON array"),
        ("SALES_AGENT_CLOSE__WEBHOOK_KEY", "abc", "SALES_AGENT_CLOSE__WEBHOOK_KEY: must be"),
        ("SALES_AGENT_ENGINE", "fast", "SALES_AGENT_ENGINE: must be 'auto'"),
        (
            "SALES_AGENT_CLOSE__BASE_URL",
            "api.close.com",
            "__BASE_URL: must be an address that begins with https",
        ),
        ("SALES_AGENT_HUBSPOT__BASE_URL", "ftp://x", "__BASE_URL: must be an address that begins with https"),
        ("SALES_AGENT_HUBSPOT__API_VERSION", "4", "__API_VERSION: must be v3 or a year and month"),
        ("SALES_AGENT_HUBSPOT__PROPERTY_PREFIX", "Ours", "__PROPERTY_PREFIX: must be at most 31 lower-case"),
        ("SALES_AGENT_SALESFORCE__INSTANCE_URL", "https://a.example/x", "__INSTANCE_URL: must be an address"),
        ("SALES_AGENT_SALESFORCE__API_VERSION", "v67", "__API_VERSION: must be a version such as 67.0"),
        ("SALES_AGENT_SALESFORCE__FIELD_PREFIX", "Ours", "__FIELD_PREFIX: must be letters"),
        ("SALES_AGENT_SERVICE__PUBLIC_URL", "https://a.example/", "__PUBLIC_URL: must be an address"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert told in str(caught.value)
