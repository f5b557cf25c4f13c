"""Lists in one environment variable: a JSON array, or values with commas between them."""

from __future__ import annotations

import json
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_settings import NoDecode


def _listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            raise ValueError('must be values with commas between them, or a JSON array: ["a", "b"]') from None
    return tuple(item for part in value.split(",") if (item := part.strip()))


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
"""Texts. ``NoDecode``: without it the variable must be JSON, and what is not ends in a traceback."""
