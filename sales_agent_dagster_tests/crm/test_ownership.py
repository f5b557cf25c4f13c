from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.ownership import RULED, Rule, load_ownership
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import PROJECT_ROOT

SHIPPED = PROJECT_ROOT / "data" / "crm.yaml"


def test_the_shipped_rules() -> None:
    ownership = load_ownership(SHIPPED)
    assert ownership.rules[Kind.COMPANY]["score"] is Rule.PIPELINE
    assert {kind: set(rules) for kind, rules in ownership.rules.items()} == {
        kind: set(names) for kind, names in RULED.items()
    }


def test_another_rule_is_another_version(tmp_path: Path) -> None:
    document = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    document["company"]["city"] = "never"
    path = tmp_path / "crm.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert load_ownership(path).version != load_ownership(SHIPPED).version


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    document = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    del document["company"]["city"]
    document["company"] |= {"score": "ours", "status": "crm", "tier": "append_only"}
    document["deal"] = {}
    del document["contact"]
    path = tmp_path / "crm.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        load_ownership(path)
    for fault in (
        "company.city: has no rule",
        "company.score: 'ours' is no rule",
        "company.status: no field that can be sent",
        "company.tier: append_only is for lists",
        "deal: no such section",
        "contact: the section is missing",
    ):
        assert fault in str(raised.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read .*SALES_AGENT_CRM_RULES_PATH"),
        (b"a: [", r"not valid YAML, line \d: "),
        (b"\xff\xfe", "not valid YAML"),
        (b"- a", "sections"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "crm.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=words):
        load_ownership(path)
