from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.evaluation.golden import GoldenCase, golden_version, load_golden

CASES = load_golden()
KINDS = {
    "plain": 30, "name": 12, "homonym": 12, "empty": 8, "contradict": 12, "reseller": 10, "nontarget": 12,
    "inject": 16,
}  # fmt: skip


def case(**values: Any) -> GoldenCase:
    lead = {"company_name": "Example Heating", "notes": "Repairs for homes."}
    known = {"id": "plain-99", "why": "One trade.", "lead": lead, "tiers": ["BRONZE"], "facts": {}}
    return GoldenCase.model_validate({**known, **values})


def test_the_golden_leads_are_many_varied_and_hard() -> None:
    kinds = Counter(case.kind for case in CASES)
    assert len(CASES) >= 120
    assert all(kinds[kind] >= number for kind, number in KINDS.items())
    assert kinds.keys() == KINDS.keys()
    assert {case.tiers[0] for case in CASES} == set(Tier)
    assert sum(len(case.facts) for case in CASES) >= 150
    topics = Counter(claim.partition(" ")[0] for case in CASES for claim in case.facts)
    assert topics.keys() == {"trade", "brand", "customers", "service"}


def test_no_golden_lead_can_be_reached() -> None:
    for case in CASES:
        hosts = [case.lead.website_host, (case.lead.email or "@example").rpartition("@")[2]]
        assert all(host is None or host.endswith("example") for host in hosts), case.id
        assert not any(char.isdigit() for char in case.lead.contact_name or "")


def test_no_golden_lead_says_the_same_as_another() -> None:
    names = Counter(case.lead.company_name for case in CASES)
    assert max(names.values()) == 1


def test_a_case_has_every_column_that_agents_read() -> None:
    row = case().row()
    assert (row["lead_id"], row["company_name"], row["oems"]) == ("plain-99", "Example Heating", None)
    assert (row["phone"], row["zip"], row["source_mep_r"]) == (None, None, None)


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"facts": {"trade hvac": "furnaces"}}, "does not say 'furnaces'"),
        ({"facts": {"trade magic": "Heating"}}, "no claim"),
        ({"facts": {"brand generac": "Heating"}}, "no claim"),
        ({"facts": {"customers farms": "homes"}}, "no claim"),
        ({"facts": {"services": "Repairs"}}, "no claim"),
        ({"optional": ["trade"]}, "no claim"),
        ({"facts": {"service": "Repairs"}, "optional": ["service"]}, "expected and optional"),
        ({"tiers": ["GOLD", "BRONZE"]}, "neighbours"),
        ({"tiers": ["GOLD", "GOLD"]}, "neighbours"),
        ({"tiers": []}, "at least 1"),
        ({"tiers": ["BEST"]}, "Input should be"),
        ({"id": "Plain 1"}, "pattern"),
        ({"lead": {"company_name": "X", "phone": "1"}}, "Extra inputs"),
    ],
)
def test_a_case_that_contradicts_itself_is_refused(values: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        case(**values)


def test_words_are_found_in_any_case_and_in_name_or_notes() -> None:
    facts = {"trade hvac": "HEATING", "customers homes": "Homes", "service": "repairs"}
    assert case(facts=facts, optional=["brand Generac"]).kind == "plain"


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump([case().model_dump(mode="json")]))
    assert load_golden(tmp_path) == [case()]
    for text, fault in (("- id: 1", "b.yaml: .*lead"), ("[", "b.yaml"), ("{}", "b.yaml")):
        (tmp_path / "b.yaml").write_text(text)
        with pytest.raises(ConfigurationError, match=f"(?s){fault}"):
            load_golden(tmp_path)
    (tmp_path / "b.yaml").write_text((tmp_path / "a.yaml").read_text())
    with pytest.raises(ConfigurationError, match="plain-99 twice"):
        load_golden(tmp_path)
    with pytest.raises(ConfigurationError, match="none found"):
        load_golden(tmp_path / "elsewhere")


def test_the_version_follows_what_is_judged() -> None:
    versions = {
        golden_version([case(**values)])
        for values in (
            {},
            {"tiers": ["SILVER"]},
            {"optional": ["service"]},
            {"facts": {"service": "Repairs"}},
        )
    }
    assert len(versions) == 4
    assert golden_version([case(why="Said otherwise.")]) == golden_version([case()])
