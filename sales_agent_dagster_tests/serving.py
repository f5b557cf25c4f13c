"""Serving an ASGI application on loopback: in a thread of this process, or as a process of its own.

All stand-ins start here.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

START_SECONDS = 30
Application = Any
"""ASGI 3; uvicorn's types name every kind of message, ours only those of HTTP."""


@contextmanager
def served(app: Application) -> Iterator[tuple[str, int]]:
    """Host and port of the application, served in a thread."""
    with listening() as listener:
        server = uvicorn.Server(configuration(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError("the stand-in did not start")
            time.sleep(0.005)
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = server.force_exit = True
            thread.join(timeout=START_SECONDS)


def serve(
    app: Application, announced: Callable[[str, int], str], host: str = "127.0.0.1", port: int = 0
) -> None:
    """Print a line once connections are taken, then serve until ended; ``announced`` makes the line."""
    with listening(host, port) as listener:
        print(announced(*listener.getsockname()), flush=True)
        uvicorn.Server(configuration(app)).run(sockets=[listener])


@contextmanager
def process(package: str, *arguments: str) -> Iterator[str]:
    """The line that ``python -m sales_agent_dagster_tests.<package>`` prints, while it serves."""
    command = [sys.executable, "-m", f"sales_agent_dagster_tests.{package}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline().strip()
            if not line:
                raise RuntimeError("the stand-in did not start")
            yield line
        finally:
            running.terminate()


def listening(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(2048)
    return listener


def configuration(app: Application) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        interface="asgi3",
        http="httptools",
        loop="uvloop",
        lifespan="off",
        ws="none",
        access_log=False,
        log_level="critical",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
