"""Source files kept by content, so that any batch can be rebuilt from the bytes it came from."""

from __future__ import annotations

import hashlib
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sales_agent_dagster.domain.errors import PermanentError, QuarantinedFile

_BLOCK = 1 << 20
_ABANDONED_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Staged:
    """A private copy of a source file: nobody else writes to it while it is being read.

    Attributes:
        sha256: hash of its bytes, hex.
        size: bytes.
    """

    path: Path
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Archive:
    """The folder of archived files: ``<first two hex digits>/<SHA-256>.csv``."""

    root: Path

    @contextmanager
    def staged(self, source: Path, max_bytes: int) -> Iterator[Staged]:
        """Copy ``source`` beside the archive and hash it; the copy is gone afterwards unless published.

        Raises:
            QuarantinedFile: ``unreadable`` or ``too_large``.
            PermanentError: the archive cannot be written.
        """
        copy = self.root / "staging" / f"{uuid.uuid4().hex}.part"
        try:
            with self._writing():
                copy.parent.mkdir(parents=True, exist_ok=True)
                _remove_abandoned(copy.parent)
                staged = _copy(source, copy, max_bytes)
            yield staged
        finally:
            with suppress(OSError):
                copy.unlink()

    def publish(self, staged: Staged) -> str:
        """Keep the staged copy; returns its path relative to the archive.

        Atomic and idempotent: a copy that is already there is replaced by the same bytes.

        Raises:
            PermanentError: the archive cannot be written.
        """
        target = self._path(staged.sha256)
        with self._writing():
            target.parent.mkdir(parents=True, exist_ok=True)
            _sync(staged.path)
            staged.path.replace(target)
            _sync(target.parent)
        return str(target.relative_to(self.root))

    def holds(self, staged: Staged) -> bool:
        """True when the same content is archived, judged by its size."""
        target = self._path(staged.sha256)
        return target.is_file() and target.stat().st_size == staged.size

    def verified(self, sha256: str) -> Path:
        """Path of the archived file; its bytes are hashed once per process and file.

        Raises:
            PermanentError: the copy is missing, damaged or not readable.
        """
        path = self._path(sha256)
        try:
            status = path.stat()
            found = _digest(path, status.st_size, status.st_mtime_ns)
        except OSError as error:
            raise PermanentError(
                f"The archived copy {path} cannot be read: {error.strerror}. "
                "Register the source file again to restore it."
            ) from error
        if found != sha256:
            raise PermanentError(
                f"The archived copy {path} is damaged: its bytes hash to {found[:12]}..., not to its name. "
                "Delete it and register the source file again to restore it."
            )
        return path

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PermanentError(f"The archive {self.root} cannot be written: {error.strerror}.") from error

    def _path(self, sha256: str) -> Path:
        return self.root / sha256[:2] / f"{sha256}.csv"


def _copy(source: Path, target: Path, max_bytes: int) -> Staged:
    digest = hashlib.sha256()
    size = 0
    with target.open("xb") as writing:
        for block in _blocks(source, max_bytes):
            size += len(block)
            digest.update(block)
            writing.write(block)
    return Staged(target, digest.hexdigest(), size)


def _blocks(source: Path, max_bytes: int) -> Iterator[bytes]:
    """The source's bytes; a source that cannot be read is refused, unlike an archive that fails."""
    size = 0
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise _unreadable("It is not a regular file.")
        with source.open("rb") as reading:
            while block := reading.read(_BLOCK):
                size += len(block)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                yield block
    except OSError as error:
        raise _unreadable(f"{error.strerror}.") from None


def _unreadable(why: str) -> QuarantinedFile:
    return QuarantinedFile(
        "unreadable",
        f"The file cannot be read. {why}",
        "Check that it exists and that its permissions allow reading.",
    )


def _too_large(max_bytes: int) -> QuarantinedFile:
    """The refusal of a file over the size limit."""
    return QuarantinedFile(
        "too_large",
        f"The file is larger than {max_bytes / 1_000_000:,.6g} MB.",
        "Split it, or raise SALES_AGENT_MAX_FILE_MB.",
    )


@lru_cache(maxsize=1024)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    """SHA-256 of the file; ``size`` and ``mtime_ns`` make a changed file a different question."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Make a file's bytes, or a rename in a folder, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_abandoned(folder: Path) -> None:
    """Delete copies that a killed process left behind."""
    for part in folder.glob("*.part"):
        with suppress(FileNotFoundError):  # another process was quicker
            if time.time() - part.stat().st_mtime > _ABANDONED_SECONDS:
                part.unlink()
