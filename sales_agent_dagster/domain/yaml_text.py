"""YAML in, plain values out; the only place that chooses how it is read."""

from __future__ import annotations

from typing import Any

import yaml

# libyaml's parser reads the brand dictionary ten times as fast; wheels of PyYAML have it, some builds do not.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(text: str | bytes) -> Any:
    """Plain values only, as ``yaml.safe_load`` gives them.

    Raises:
        yaml.YAMLError: the text is no YAML.
    """
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - both loaders are the safe ones


def yaml_fault(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    """What keeps a text from being YAML, in one line: ``line 3: expected ',' or ']'``."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem or error.context}"
    return " ".join(str(error).split())
