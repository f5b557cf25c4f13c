from pathlib import Path

import pytest
import yaml

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.enrichment.providers import FIELDS, PROVIDER_NAMES
from sales_agent_dagster.enrichment.registry import (
    FACTORIES,
    NEEDS,
    in_use_version,
    make_providers,
    steps_in_use,
    uses_network,
)
from sales_agent_dagster.enrichment.waterfall import Condition, Step, Waterfall, load_waterfall
from sales_agent_dagster.settings import Settings


def written(folder: Path, text: str) -> Path:
    path = folder / "waterfall.yaml"
    path.write_text(text)
    return path


def with_all(settings: Settings, export: Path | None = None, **more: object) -> Settings:
    given = {"apollo_api_key": "a", "hunter_api_key": "h", "linkedin_csv_path": export}
    return Settings.model_validate(settings.model_dump() | given | more)


def test_the_shipped_file_uses_no_network(settings: Settings) -> None:
    waterfall = load_waterfall(settings.waterfall_path)
    assert [step.provider for step in waterfall.steps] == list(PROVIDER_NAMES)
    assert [step.provider for step in steps_in_use(settings, waterfall)] == ["offline"]
    assert not uses_network(settings, waterfall)
    ((_, provider),) = make_providers(settings, waterfall)
    assert not provider.spec.network


def test_keys_and_the_switch_put_providers_in_use(settings: Settings, tmp_path: Path) -> None:
    export = written(tmp_path, "Company,Website\nAcme,acme.example\n")
    full = yaml.safe_load(settings.waterfall_path.read_text())
    for step in full["steps"]:
        step["enabled"] = True
    waterfall = Waterfall.model_validate(full)
    given = with_all(settings, export)
    made = make_providers(given, waterfall)
    assert [provider.spec.name for _, provider in made] == list(PROVIDER_NAMES)
    assert uses_network(given, waterfall)
    for _, provider in made:
        spec = provider.spec
        assert spec.offers <= FIELDS.keys()
        assert spec.needs_key == (spec.credits > 0) == spec.name.startswith(("apollo", "hunter"))
    assert set(FACTORIES) == set(PROVIDER_NAMES) > set(NEEDS)


def test_the_version_follows_the_file_the_keys_and_the_export(settings: Settings, tmp_path: Path) -> None:
    waterfall = load_waterfall(settings.waterfall_path)
    export = written(tmp_path, "Company,Website\nAcme,acme.example\n")
    versions = [
        in_use_version(settings, waterfall),
        in_use_version(with_all(settings), waterfall),
        in_use_version(with_all(settings, export), waterfall),
    ]
    export.write_text("Company,Website\nAcme,acme.example\nSummit,summit.example\n")
    versions.append(in_use_version(with_all(settings, export), waterfall))
    versions.append(in_use_version(settings, waterfall.model_copy(update={"filled_at": 0.9})))
    assert len(set(versions)) == 5
    assert in_use_version(settings, load_waterfall(settings.waterfall_path)) == versions[0]


def test_every_fault_is_listed_at_once(tmp_path: Path) -> None:
    text = """
filled_at: 2
budget: {run_usd: -1}
steps:
  - provider: website
    wants: [shoe_size]
    run_only_if: {tier: WOOD, score: 101}
  - provider: clearbit
  - provider: website
  - {provider: offline, caps: {run_credits: -1}, sometimes: true}
"""
    with pytest.raises(ConfigurationError) as error:
        load_waterfall(written(tmp_path, text))
    told = str(error.value)
    for fault in (
        "filled_at",
        "budget.run_usd",
        "steps.0.wants (website): unknown: shoe_size; known fields are region_city, ",
        "steps.0.run_only_if.tier",
        "steps.0.run_only_if.score",
        "steps.1.provider (clearbit): unknown: clearbit; known providers are offline, ",
        "steps.3.caps.run_credits",
        "steps.3.sometimes (offline): is not known here; is it misspelt?",
    ):
        assert fault in told
    assert "has 8 faults" in told


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the file: must be keys with values, such as `provider: website`"),
        ("- offline", "the file: must be keys with values"),
        ("steps: []", "steps: offline must be first"),
        ("stepz: []", "steps: is missing\n  stepz: is not known here; is it misspelt?"),
        ("steps: {provider: offline}", "steps: must be a list"),
        ("steps: [offline]", "has 1 fault:\n  steps.0: must be keys with values"),
        ("steps: [{provider: [1]}]", "steps.0.provider: must be a valid string"),
        ("filled_at: 0.6\nfilled_at: 0.7\nsteps: [{provider: offline}]", "filled_at is there twice"),
        ("steps: [{provider: offline, caps: {day_credits: 1, day_credits: 9}}]", "day_credits is there tw"),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_words_of_the_file(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        load_waterfall(written(tmp_path, text))
    assert fault in str(error.value)


def test_offline_comes_first_and_each_provider_once(tmp_path: Path) -> None:
    text = "steps: [{provider: website}, {provider: offline}, {provider: website}]"
    with pytest.raises(ConfigurationError, match="website more than once; offline must be first"):
        load_waterfall(written(tmp_path, text))


@pytest.mark.parametrize("text", ["steps: [", "\x00"])
def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="not valid YAML"):
        load_waterfall(written(tmp_path, text))


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SALES_AGENT_WATERFALL_PATH"):
        load_waterfall(tmp_path / "none.yaml")
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not valid YAML"):
        load_waterfall(path)
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load_waterfall(tmp_path)


def test_a_provider_is_not_wanted_for_what_it_does_not_offer(settings: Settings, tmp_path: Path) -> None:
    text = "steps: [{provider: offline, wants: [revenue]}, {provider: linkedin}]"
    given = with_all(settings, tmp_path / "none.csv")
    with pytest.raises(ConfigurationError) as error:
        make_providers(given, load_waterfall(written(tmp_path, text)))
    assert "offline does not offer revenue" in str(error.value)
    assert "none.csv cannot be read" in str(error.value)


def test_conditions_and_open_fields() -> None:
    gold = Condition(tier=Tier.GOLD, score=50)
    assert gold.holds(Tier.GOLD, 50)
    assert gold.holds(Tier.PLATINUM, 99)
    assert not gold.holds(Tier.SILVER, 99)
    assert not gold.holds(Tier.GOLD, 49.9)
    offers, filled = ["founded", "employees"], {"founded": 0.6, "employees": 0.59}
    assert Step(provider="website").open_fields(offers, filled, 0.6) == ["employees"]
    assert Step(provider="website", wants=("founded",)).open_fields(offers, filled, 0.6) == []
    assert Step(provider="website", wants=("founded",)).open_fields(offers, {}, 0.6) == ["founded"]
