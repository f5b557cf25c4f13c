from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from sales_agent_dagster.domain.errors import PermanentError, QuarantinedFile
from sales_agent_dagster.stages.intake.archive import Archive

CONTENT = b"company_name\nTolmere Electric\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LIMIT = 1_000_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def leftovers(archive: Archive) -> list[Path]:
    return list((archive.root / "staging").iterdir())


def publish(archive: Archive, source: Path) -> str:
    with archive.staged(source, LIMIT) as staged:
        return archive.publish(staged)


def test_keeps_a_file_under_its_hash(archive: Archive, source: Path) -> None:
    with archive.staged(source, LIMIT) as staged:
        assert (staged.sha256, staged.size) == (SHA256, len(CONTENT))
        assert staged.path.read_bytes() == CONTENT
        assert not archive.holds(staged)
        assert archive.publish(staged) == f"{SHA256[:2]}/{SHA256}.csv"
        assert archive.holds(staged)
    assert archive.verified(SHA256).read_bytes() == CONTENT
    assert leftovers(archive) == []


def test_a_copy_that_is_not_published_is_gone(archive: Archive, source: Path) -> None:
    with archive.staged(source, LIMIT) as staged:
        source.write_bytes(b"changed meanwhile")
        assert staged.path.read_bytes() == CONTENT
    assert leftovers(archive) == []


def test_publishing_again_changes_nothing(archive: Archive, source: Path) -> None:
    assert publish(archive, source) == publish(archive, source)
    assert archive.verified(SHA256).read_bytes() == CONTENT


def test_publishing_mends_a_damaged_copy(archive: Archive, source: Path) -> None:
    publish(archive, source)
    archive.verified(SHA256).write_bytes(b"damaged")
    with pytest.raises(PermanentError, match="damaged"):
        archive.verified(SHA256)
    with archive.staged(source, LIMIT) as staged:
        assert not archive.holds(staged)
    publish(archive, source)
    assert archive.verified(SHA256).read_bytes() == CONTENT


def test_damage_that_keeps_the_size_is_found(archive: Archive, source: Path) -> None:
    publish(archive, source)
    path = archive.verified(SHA256)
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(1, 1))
    with pytest.raises(PermanentError, match="damaged"):
        archive.verified(SHA256)


def test_a_missing_copy_is_named(archive: Archive) -> None:
    with pytest.raises(PermanentError, match=r"cannot be read: No such file.*Register the source file again"):
        archive.verified(SHA256)


@pytest.mark.parametrize(("limit", "fits"), [(len(CONTENT), True), (len(CONTENT) - 1, False)])
def test_the_size_limit_is_exact(archive: Archive, source: Path, limit: int, fits: bool) -> None:
    if fits:
        with archive.staged(source, limit) as staged:
            assert staged.size == limit
    else:
        with (
            pytest.raises(QuarantinedFile, match="SALES_AGENT_MAX_FILE_MB") as refusal,
            archive.staged(source, limit),
        ):
            pass
        assert refusal.value.code == "too_large"
    assert leftovers(archive) == []


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_a_source_that_is_no_file_is_unreadable(archive: Archive, tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(QuarantinedFile) as refusal, archive.staged(path, LIMIT):
        pass
    assert refusal.value.code == "unreadable"
    assert leftovers(archive) == []


def test_an_archive_that_cannot_be_written_is_not_the_files_fault(source: Path, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("in the way")
    with (
        pytest.raises(PermanentError, match="cannot be written"),
        Archive(tmp_path / "archive").staged(source, LIMIT),
    ):
        pass


def test_copies_of_killed_processes_are_removed_after_a_day(archive: Archive, source: Path) -> None:
    staging = archive.root / "staging"
    staging.mkdir(parents=True)
    old, fresh = staging / "old.part", staging / "fresh.part"
    old.touch()
    fresh.touch()
    os.utime(old, (0, 0))
    publish(archive, source)
    assert leftovers(archive) == [fresh]


def test_an_archive_that_cannot_keep_a_copy_says_so(archive: Archive, source: Path) -> None:
    with archive.staged(source, LIMIT) as staged:
        (archive.root / SHA256[:2]).write_text("in the way")
        with pytest.raises(PermanentError, match="cannot be written"):
            archive.publish(staged)
    assert leftovers(archive) == []
