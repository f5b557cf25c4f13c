"""Seconds and peak memory of a command and everything that it starts."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import psutil

_EVERY = 0.25
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class Measured:
    """A finished command.

    Attributes:
        seconds: from its start to its exit.
        cpu: seconds of all its processes.
        peak_mb: most memory at one moment, all processes together, shared pages counted once.
    """

    seconds: float
    cpu: float
    peak_mb: float
    output: str


def measured(
    command: Sequence[str | Path], folder: Path, environment: Mapping[str, str] | None = None
) -> Measured:
    """Run a command in ``folder``, with further environment variables, and wait for it.

    Raises:
        subprocess.CalledProcessError: it failed; its error output is in ``stderr``.
    """
    started = time.perf_counter()
    process = psutil.Popen(
        [str(part) for part in command],
        cwd=folder,
        env=os.environ | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watch = _Watch(process)
    output, errors = process.communicate()
    seconds = time.perf_counter() - started
    watch.end()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, output, errors)
    return Measured(seconds, watch.cpu, watch.peak / 1e6, output)


class _Watch:
    """Looks at a process and its children until told to end."""

    def __init__(self, process: psutil.Process) -> None:
        self.peak, self.cpu = 0.0, 0.0
        self._cpu: dict[int, float] = {}
        self._process = process
        self._ended = Event()
        self._thread = Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self.cpu = sum(self._cpu.values())

    def _look(self) -> None:
        while True:
            self._sample()
            if self._ended.wait(_EVERY):
                return

    def _sample(self) -> None:
        total = 0.0
        try:
            for process in (self._process, *self._process.children(recursive=True)):
                memory = process.memory_full_info()
                # Only Linux tells the share of pages that several processes use.
                total += getattr(memory, "pss", memory.rss)
                times = process.cpu_times()
                self._cpu[process.pid] = times.user + times.system
        except psutil.Error:
            return  # it ended while we looked
        self.peak = max(self.peak, total)
