"""Hashes of texts that are the same in every process, on every machine and for one text or a million."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

_PLACES = 256
"""Bytes of a text after which the position hash repeats."""


def mix(values: Hashes, salt: int) -> Hashes:
    """One round of the splitmix64 generator (Steele, Lea, Flood 2014) over each value, salted."""
    mixed = values + np.uint64((salt * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    result: Hashes = mixed ^ (mixed >> np.uint64(31))
    return result


@cache
def _table() -> Hashes:
    """A random number per position and byte (Zobrist hashing)."""
    return mix(np.arange(_PLACES * 256, dtype=np.uint64), 12345)


def hash_texts(texts: pa.StringArray) -> Hashes:
    """64-bit hash per text; 0 for the empty one."""
    offsets, data = _buffers(texts)
    lengths = np.diff(offsets)
    hashes = np.zeros(len(texts), np.uint64)
    filled = np.flatnonzero(lengths)
    if not len(filled):
        return hashes
    table = _table()
    step = 1 << 18
    for low in range(0, len(filled), step):
        some = filled[low : low + step]
        first, last = offsets[some[0]], offsets[some[-1] + 1]
        places = np.arange(first, last) - np.repeat(offsets[some], lengths[some])
        numbers = table[(places % _PLACES) * 256 + data[first:last]]
        hashes[some] = mix(np.add.reduceat(numbers, offsets[some] - first), 7) | np.uint64(1)
    return hashes


def _buffers(texts: pa.StringArray) -> tuple[NDArray[np.int64], NDArray[Any]]:
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return starts, np.frombuffer(data or b"", np.uint8)
