"""``.env.example`` names every setting, and every default in it is true."""

import os
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from sales_agent_dagster.cli.env_example import TARGET, render
from sales_agent_dagster.settings import PROJECT_ROOT, Settings, load_settings

OURS = {"cerebras_api_key": "CEREBRAS_API_KEY", "cerebras_base_url": "CEREBRAS_BASE_URL"}
"""Settings with the name that the provider's own SDK reads."""


def leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> set[str]:
    names = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names |= leaves(field.annotation, (*path, name))
        else:
            names.add(OURS.get(name) or "SALES_AGENT_" + "__".join((*path, name)).upper())
    return names


def variables() -> dict[str, str]:
    text = TARGET.read_text(encoding="utf-8")
    return dict(re.findall(r"^# ((?:SALES_AGENT|CEREBRAS)_[A-Z0-9_]+)=(.*)$", text, re.MULTILINE))


def test_the_file_is_what_the_settings_render() -> None:
    assert TARGET.read_text(encoding="utf-8") == render()


def test_every_setting_is_named_once_and_nothing_else() -> None:
    assert set(variables()) == leaves(Settings)


def test_every_line_is_a_comment_or_blank() -> None:
    assert all(not line or line.startswith("#") for line in TARGET.read_text().splitlines())


def test_setting_every_variable_to_its_shown_value_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("SALES_AGENT_", "CEREBRAS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(PROJECT_ROOT)
    defaults = load_settings(_env_file=None)
    for name, value in variables().items():
        monkeypatch.setenv(name, value)
    shown = load_settings(_env_file=None)
    for name in Settings.model_fields:
        expected, found = getattr(defaults, name), getattr(shown, name)
        if isinstance(expected, Path):
            found = found.resolve()
        assert found == expected, name
