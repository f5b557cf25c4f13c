"""The exception tree.

::

    SalesAgentError
    ├── PermanentError          trying again cannot help; the message says what to fix
    │   ├── ConfigurationError  a setting or the profile is wrong
    │   ├── QuarantinedFile     a whole input file is refused
    │   └── UnknownRecord       an id or batch that is not in the warehouse
    └── TransientError          trying again may help: a lock, a lost connection, a rate limit

A bad row or a failed lead is data (a row with a reason), never an exception that leaves its stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sales_agent_dagster.domain.counted import count

if TYPE_CHECKING:
    from pydantic import ValidationError


class SalesAgentError(Exception):
    """Base of every error this package raises on purpose."""


class PermanentError(SalesAgentError):
    """Trying again cannot help."""


class ConfigurationError(PermanentError):
    """A setting or the profile is wrong; the message lists every fault at once."""


class QuarantinedFile(PermanentError):
    """A whole file is refused.

    Args:
        code: short machine-readable reason, such as ``"empty"`` or ``"binary"``.
        message: what is wrong, for a person.
        remedy: what to do about it.
    """

    def __init__(self, code: str, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.code = code
        self.message = message
        self.remedy = remedy


class UnknownRecord(PermanentError):
    """An id or batch key that the warehouse does not hold."""


class TransientError(SalesAgentError):
    """Trying again may help."""


def value_fault(message: str) -> str:
    """Pydantic's words about a value as they follow the name of a setting or a key of a file."""
    if message == "Field required":
        return "is missing"
    return message.removeprefix("Value error, ").replace("Input should be", "must be")


def value_faults(error: ValidationError, whole: str) -> list[str]:
    """Each fault of a document with its place, such as ``icp.tiers``; ``whole`` stands for all of it."""
    return [
        f"{'.'.join(map(str, fault['loc'])) or whole}: {value_fault(fault['msg'])}"
        for fault in error.errors()
    ]


def with_faults(what: str, faults: Sequence[str]) -> str:
    """``what`` and all its faults, a line each."""
    return f"{what} has {count(len(faults), 'fault')}:\n  " + "\n  ".join(faults)
