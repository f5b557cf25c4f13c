from pathlib import Path

import pytest
import yaml

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.profile import Profile, load_profile
from sales_agent_dagster.settings import PROJECT_ROOT

TEXT = (PROJECT_ROOT / "data" / "profile.yaml").read_text(encoding="utf-8")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "profile.yaml"


def test_the_packaged_profile_is_valid() -> None:
    assert load_profile(PROJECT_ROOT / "data" / "profile.yaml").name == "generator-hvac-solar-dealers"


def test_all_faults_are_listed_at_once(path: Path) -> None:
    data = yaml.safe_load(TEXT)
    data["icp"]["weights"]["o_and_m"] = 0.5
    data["icp"]["tiers"]["GOLD"] = 90
    data["icp"]["target_trades"] = ["generator", "electical"]
    data["gates"]["crm"] = "WOOD"
    del data["seller"]["company"]
    data["extra"] = 1
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigurationError) as caught:
        load_profile(path)
    text = str(caught.value)
    assert "has 6 faults" in text
    for fault in (
        "icp.weights: the four weights must sum to 1, they sum to 1.350",
        "icp.tiers: the lines must fall from PLATINUM",
        "icp.target_trades: unknown: electical; known trades are generator",
        "gates.crm: ",
        "seller.company: is missing",
        "extra: Extra inputs are not permitted",
    ):
        assert fault in text


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"icp: [", "not valid YAML"),
        (b"\xff\xfe\x00", "not valid YAML"),
        (b"- a", "has 1 fault"),
        (b"", "has 1 fault"),
    ],
)
def test_a_file_that_is_no_profile_is_refused(path: Path, content: bytes, fault: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=fault):
        load_profile(path)


def test_a_missing_file_says_which_setting_to_set(path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SALES_AGENT_PROFILE_PATH"):
        load_profile(path)


def test_the_version_follows_the_content(profile: Profile) -> None:
    same = Profile.model_validate(profile.model_dump())
    assert same.version == profile.version
    assert profile.model_copy(update={"name": "other"}).version != profile.version
