"""Writes ``.env.example`` from the settings: ``python -m sales_agent_dagster.cli.env_example``."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from sales_agent_dagster.settings import PROJECT_ROOT, Settings, variable_of

TARGET = PROJECT_ROOT / ".env.example"
HEADER = """\
# Every setting with its default. Copy to .env and uncomment what you change; none is needed to start.
# A list is values with commas between them, or a JSON array.
# Written by `python -m sales_agent_dagster.cli.env_example` from sales_agent_dagster/settings.
"""


def render() -> str:
    """The file's text."""
    parts = [HEADER]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            title = (type(default).__doc__ or "").strip().splitlines()[0]
            variables = list(_nested(default, [name]))
        else:
            title = field.description or ""
            variables = [_line([name], default)]
        parts.append(
            "\n".join([*textwrap.wrap(title, 100, initial_indent="# ", subsequent_indent="# "), *variables])
        )
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _nested(section: BaseModel, path: list[str]) -> Iterator[str]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _nested(value, [*path, name])
        else:
            yield _line([*path, name], value)


def _line(path: list[str], value: Any) -> str:
    return f"# {variable_of(*path)}={_shown(value)}"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        # A default is no secret.
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.relative_to(PROJECT_ROOT))
    if isinstance(value, tuple):
        return json.dumps(value)
    if isinstance(value, Enum):
        return str(value.value)
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
