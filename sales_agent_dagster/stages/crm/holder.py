"""Who holds a lease: a process, named so that others on its machine can tell whether it still lives."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

_PROC = Path("/proc")
_UNKNOWN = "-"


def this_process() -> str:
    """A name of this process, another one at each call.

    Host, boot of its kernel, PID namespace, PID, start of the process in clock ticks since boot, and a random
    number, with ``/`` between. What the system does not tell (it has no ``/proc``) is ``-``.
    """
    pid = os.getpid()
    start = _start_of(pid) or _UNKNOWN
    return "/".join([*_place(), str(pid), start, secrets.token_hex(4)])


def lives(holder: str) -> bool | None:
    """Whether the named process lives; None when that cannot be told from here.

    PIDs mean something only within their PID namespace and boot: containers and machines may share a host
    name. They are given anew, hence the start.
    """
    *place, pid, start, _ = holder.split("/")
    if tuple(place) != _place():
        return None
    if _UNKNOWN in place:
        # Another process may have its PID by now.
        return None if _is_there(int(pid)) else False
    return _start_of(int(pid)) == start


def _place() -> tuple[str, str, str]:
    """Where PIDs mean the same."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        namespace = str((_PROC / "self/ns/pid").readlink())
    except OSError:
        boot = namespace = _UNKNOWN
    return socket.gethostname(), boot, namespace


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start_of(pid: int) -> str | None:
    """When a process started; None when there is none, or only what its parent has not yet buried."""
    try:
        line = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # proc(5): the name, in parentheses, may hold anything; after it come the state and, 22nd, the start.
    state, *rest = line.rpartition(")")[2].split()
    return None if state in "ZXx" else rest[18]
