from __future__ import annotations

import json
from pathlib import Path

import pytest

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.matching.normalise import NORM_VERSION


def written(path: Path, **changes: object) -> Path:
    document = load_model().model_dump(mode="json") | changes
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_the_shipped_model_fits_the_normalisation() -> None:
    model = load_model()
    assert model.norm_version == NORM_VERSION
    for name, weights in model.fields.items():
        assert sum(weights.m.values()) == pytest.approx(1, abs=1e-3), name
        assert sum(weights.share.values()) == pytest.approx(1, abs=1e-3), name


def test_a_model_survives_its_file(tmp_path: Path) -> None:
    assert load_model(written(tmp_path / "m.json")).model_dump() == load_model().model_dump()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fields": {}}, "fields must be name"),
        ({"alternatives": {}}, "alternatives must be branch"),
        ({"matches_per_lead": -1}, "matches_per_lead"),
        ({"surprise": 1}, "surprise"),
        ({"thresholds": {"review": 3, "same": 0, "auto": 6, "gap": 3, "write": 9}}, "does not hold"),
    ],
)
def test_faults_of_a_model_file_are_named(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load_model(written(tmp_path / "m.json", **changes))


def test_levels_must_be_complete_and_lone_values_belong_to_some_fields(tmp_path: Path) -> None:
    fields = load_model().model_dump(mode="json")["fields"]
    del fields["phone"]["m"]["equal"]
    with pytest.raises(ConfigurationError, match="field phone must have the levels equal, one digit off"):
        load_model(written(tmp_path / "m.json", fields=fields))
    fields = load_model().model_dump(mode="json")["fields"]
    fields["place"]["u_lone"] = 0.5
    with pytest.raises(ConfigurationError, match="u_lone belongs to name, phone, web, email, street"):
        load_model(written(tmp_path / "m.json", fields=fields))


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.json: No such file"):
        load_model(tmp_path / "absent.json")
    (tmp_path / "m.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"not a linkage model: document: .*dedupe train"):
        load_model(tmp_path / "m.json")


def test_a_model_for_other_normalisation_is_refused(tmp_path: Path) -> None:
    words = rf"m\.json was made for version 1 of the normalisation, and this is version {NORM_VERSION}"
    with pytest.raises(ConfigurationError, match=words):
        load_model(written(tmp_path / "m.json", norm_version="1"))
