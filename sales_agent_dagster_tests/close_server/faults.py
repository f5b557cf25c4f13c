"""Faults of the next requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass

BEFORE = {"402": 402, "403": 403, "404": 404, "500": 500, "502": 502, "503": 503, "504": 504}
"""Answered without doing anything."""
KINDS = (
    *BEFORE,
    "drop",  # do it, then close the connection without a word
    "drop_before",  # close the connection, nothing done
    "500_after",  # do it, then answer 500
    "503_after",
    "429",
    "429_bare",  # neither headers nor a hint in the body
    "slow",  # do it, answer after `seconds`
    "stale",  # a GET of one object returns its last version but one
    "malformed",  # do it, answer with half of the JSON
)


@dataclass
class Fault:
    """One kind of ``KINDS``, for requests of a method and path that begins so, ``times`` times.

    Attributes:
        after: matching requests that are let through first.
        seconds: of ``slow``; of ``429`` until the limit is reset.
    """

    kind: str
    method: str | None = None
    path: str = "/"
    times: int = 1
    after: int = 0
    seconds: float = 0.05

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind} is none of {', '.join(KINDS)}")

    def fits(self, method: str, path: str) -> bool:
        return self.method in (None, method) and path.startswith(self.path)


class FaultPlan:
    """A script, a request at a time, and standing faults by method and path."""

    def __init__(self) -> None:
        self.script: list[Fault | None] = []
        self.standing: list[Fault] = []
        self._lock = threading.Lock()

    def next(self, method: str, path: str) -> Fault | None:
        with self._lock:
            if self.script:
                return self.script.pop(0)
            for fault in self.standing:
                if fault.times and fault.fits(method, path):
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None
