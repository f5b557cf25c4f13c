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
