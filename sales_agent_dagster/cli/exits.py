"""Exit codes, the same for every command, so that scripts can branch on them."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells its caller."""

    OK = 0
    FAILED = 1
    """A batch failed, a lead was not found, or something needed is broken."""
    USAGE = 2
    """Wrong arguments, broken SQL or bad configuration: nothing was changed."""
    QUARANTINED = 3
    """Some input was refused as a whole; everything else is done."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it (128 + SIGINT)."""
