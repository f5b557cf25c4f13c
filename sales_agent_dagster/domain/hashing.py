"""Content hashes that decide what must be computed again."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson


def content_hash(*parts: Any) -> str:
    """Hex SHA-256, first 32 digits (128 bits), of the parts as JSON with sorted keys.

    Equal values hash alike in every process and Python version. Raises TypeError on a value that
    JSON cannot express.
    """
    blob = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.sha256(blob).hexdigest()[:32]
