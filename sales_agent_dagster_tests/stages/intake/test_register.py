from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import PermanentError, TransientError
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.intake.reader import CsvTable, Position
from sales_agent_dagster.stages.intake.register import Registration, batch_key, register_file
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_batches, lead_files
from sales_agent_dagster_tests.conftest import NOW
from sales_agent_dagster_tests.rows import seed_batch

SHA256 = hashlib.sha256(b"").hexdigest()
HEADER = "company_name,contact_phone,foo\n"


def leads(count: int, first: int = 1) -> str:
    return HEADER + "".join(f"Tolmere {number} Electric,,\n" for number in range(first, first + count))


def stored(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        rows = connection.execute(sa.select(table).order_by(*table.primary_key.columns))
        return [row._asdict() for row in rows]


@pytest.fixture
def register(tmp_path: Path, warehouse: Warehouse, settings: Settings) -> Any:
    def register(name: str, content: str | bytes | None, later: int = 0, **changed: Any) -> Registration:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        own = settings.model_copy(update=changed)
        return register_file(path, warehouse, own, NOW + timedelta(days=later))

    return register


def test_a_new_file_becomes_batches(warehouse: Warehouse, settings: Settings, register: Any) -> None:
    content = "\n" + HEADER + 'A,,\n"B\nB",,\n\nC,,\n,,\nD,,\nE,,\n'
    found = register("Dealers 2026 (März).csv", content, batch_size=2)
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    assert (found.file_id, found.outcome, found.reason) == (sha256, "new", None)
    assert found.file_name == "Dealers 2026 (März).csv"
    assert found.batch_ids == tuple(f"dealers-2026-marz-{sha256[:12]}-000{number}" for number in (1, 2, 3))
    assert stored(warehouse, lead_files) == [
        {
            "file_id": sha256,
            "file_name": "Dealers 2026 (März).csv",
            "archive_path": f"{sha256[:2]}/{sha256}.csv",
            "size_bytes": len(content.encode()),
            "status": "accepted",
            "reason_code": None,
            "reason": None,
            "remedy": None,
            "encoding": "utf-8",
            "delimiter": ",",
            "header_format": "generic",
            "columns": {"company_name": "company_name", "contact_phone": "phone", "foo": None},
            "row_count": 5,
            "blank_rows": 2,
            "batch_count": 3,
            "registered_at": NOW,
        }
    ]
    numbers = [
        (row["batch_seq"], row["batch_no"], row["first_record"], row["first_line"], row["row_count"])
        for row in stored(warehouse, lead_batches)
    ]
    assert numbers == [(1, 1, 1, 3, 2), (2, 2, 3, 7, 2), (3, 3, 5, 10, 1)]
    archived = settings.archive_dir / sha256[:2] / f"{sha256}.csv"
    assert archived.read_bytes() == content.encode()
    assert list((settings.archive_dir / "staging").iterdir()) == []


def test_a_batch_can_be_read_from_its_offset(tmp_path: Path, warehouse: Warehouse, register: Any) -> None:
    register("leads.csv", leads(5), batch_size=2)
    table = CsvTable.detect(tmp_path / "leads.csv")
    for batch in stored(warehouse, lead_batches):
        rows = table.rows(Position(batch["byte_offset"], batch["first_line"]), batch["first_record"])
        first = next(iter(rows))
        assert first.cells[0] == f"Tolmere {batch['first_record']} Electric"
        assert first.line_no == batch["first_line"]


def test_numbers_go_on_from_file_to_file(warehouse: Warehouse, register: Any) -> None:
    one = register("one.csv", leads(3), batch_size=2)
    two = register("two.csv", leads(1, first=9))
    assert len(one.batch_ids) == 2
    assert len(two.batch_ids) == 1
    assert re.fullmatch(r"two-[0-9a-f]{12}", two.batch_ids[0])
    assert sorted(row["batch_seq"] for row in stored(warehouse, lead_batches)) == [1, 2, 3]


def test_known_content_is_recognised_under_any_name(warehouse: Warehouse, register: Any) -> None:
    first = register("first.csv", leads(3), batch_size=1)
    before = stored(warehouse, lead_files) + stored(warehouse, lead_batches)
    again = register("renamed.csv", leads(3), later=1)
    assert (again.outcome, again.file_id, again.batch_ids) == ("known", first.file_id, first.batch_ids)
    assert again.file_name == "renamed.csv"
    assert again.reason == (
        f"Same content as first.csv, registered on 2026-03-02 as batch {first.batch_ids[0]} and 2 more."
    )
    assert stored(warehouse, lead_files) + stored(warehouse, lead_batches) == before


def test_a_lost_archive_copy_comes_back_with_the_file(settings: Settings, register: Any) -> None:
    found = register("leads.csv", leads(1))
    archived = settings.archive_dir / found.file_id[:2] / f"{found.file_id}.csv"
    archived.unlink()
    again = register("leads.csv", leads(1))
    assert (again.outcome, again.reason) == (
        "known",
        f"Same content as leads.csv, registered on 2026-03-02 as batch {found.batch_ids[0]}.",
    )
    assert archived.read_text() == leads(1)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "no_rows"),
        (HEADER, "no_rows"),
        (HEADER + "\n,,\n", "no_rows"),
        ("foo,bar\n1,2\n", "header_unknown"),
        ("Dear all, thanks\nfor coming\nBye\n", "not_csv"),
        ("hello\nthere\n", "not_csv"),
        ("A,(512) 555-0161,www.a.example\nB,,\n", "header_missing"),
        (HEADER + 'A,"x\n', "unclosed_quote"),
        (b"PK\x03\x04", "binary"),
    ],
)
def test_a_bad_file_is_quarantined(
    warehouse: Warehouse, settings: Settings, register: Any, content: str | bytes, code: str
) -> None:
    found = register("bad.csv", content)
    given = content if isinstance(content, bytes) else content.encode()
    assert (found.outcome, found.batch_ids) == ("quarantined", ())
    assert found.file_id == hashlib.sha256(given).hexdigest()
    (row,) = stored(warehouse, lead_files)
    assert (row["file_id"], row["status"], row["reason_code"]) == (found.file_id, "quarantined", code)
    assert found.reason == f"{row['reason']} {row['remedy']}"
    assert (row["size_bytes"], row["row_count"], row["archive_path"]) == (len(given), 0, None)
    assert stored(warehouse, lead_batches) == []
    assert [path for path in settings.archive_dir.rglob("*") if path.is_file()] == []
    assert register("other_name.csv", content, later=1) == Registration(
        found.file_id, "other_name.csv", "quarantined", (), found.reason
    )
    assert stored(warehouse, lead_files) == [row]


def test_an_oversized_file_is_quarantined_until_the_limit_is_raised(
    warehouse: Warehouse, register: Any
) -> None:
    size = len(leads(10).encode())
    found = register("big.csv", leads(10), max_file_mb=(size - 1) / 1e6)
    assert found.outcome == "quarantined"
    assert found.file_id != hashlib.sha256(leads(10).encode()).hexdigest()
    (row,) = stored(warehouse, lead_files)
    assert (row["reason_code"], row["size_bytes"]) == ("too_large", size)
    assert register("big.csv", leads(10), max_file_mb=size / 1e6).outcome == "new"


@pytest.mark.parametrize("folder", [True, False])
def test_an_unreadable_file_is_quarantined(
    tmp_path: Path, warehouse: Warehouse, register: Any, folder: bool
) -> None:
    if folder:
        (tmp_path / "gone.csv").mkdir()
    found = register("gone.csv", None)
    assert found.outcome == "quarantined"
    assert found == register("gone.csv", None, later=3)
    (row,) = stored(warehouse, lead_files)
    assert (row["reason_code"], row["registered_at"]) == ("unreadable", NOW)


def test_a_file_name_that_is_not_utf8_is_recorded(
    tmp_path: Path, warehouse: Warehouse, register: Any
) -> None:
    name = os.fsdecode(b"caf\xe9.csv")
    found = register(name, leads(1))
    assert found.file_name == "caf\ufffd.csv"
    assert found.batch_ids == (f"caf-{found.file_id[:12]}",)
    assert register(os.fsdecode(b"caf\xe8.csv"), None).outcome == "quarantined"


def test_a_quarantined_file_is_checked_afresh(warehouse: Warehouse, register: Any) -> None:
    file_id = hashlib.sha256(leads(2).encode()).hexdigest()
    refused = {
        "file_id": file_id,
        "file_name": "old.csv",
        "size_bytes": 1,
        "status": "quarantined",
        "reason_code": "header_unknown",
        "reason": "An older version did not know this header.",
        "remedy": "None.",
        "row_count": 0,
        "blank_rows": 0,
        "batch_count": 0,
        "registered_at": NOW,
    }
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, lead_files, [refused])
    assert register("new.csv", leads(2)).outcome == "new"
    (row,) = stored(warehouse, lead_files)
    assert (row["status"], row["reason_code"], row["file_name"]) == ("accepted", None, "new.csv")


def test_a_quarantined_file_gets_its_new_reason(warehouse: Warehouse, register: Any) -> None:
    found = register("bad.csv", "foo,bar\n1,2\n")
    with warehouse.transaction() as connection:
        connection.execute(sa.update(lead_files).values(reason="Worded otherwise."))
    assert register("bad.csv", "foo,bar\n1,2\n", later=2).reason == found.reason
    (row,) = stored(warehouse, lead_files)
    assert f"{row['reason']} {row['remedy']}" == found.reason


def test_many_at_once_take_different_numbers(
    tmp_path: Path, warehouse: Warehouse, settings: Settings
) -> None:
    own = settings.model_copy(update={"batch_size": 2})
    paths = []
    for number in range(6):
        path = tmp_path / f"file{number}.csv"
        path.write_text(leads(3, first=10 * (number // 2)))  # each content under two names
        paths.append(path)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda path: register_file(path, warehouse, own, NOW), paths))
    assert sorted(item.outcome for item in found) == ["known"] * 3 + ["new"] * 3
    for one, other in zip(found[::2], found[1::2], strict=True):
        assert one.batch_ids == other.batch_ids
    assert sorted(row["batch_seq"] for row in stored(warehouse, lead_batches)) == [1, 2, 3, 4, 5, 6]
    assert len(stored(warehouse, lead_files)) == 3


def test_an_archive_that_fails_is_no_quarantine(
    warehouse: Warehouse, settings: Settings, register: Any
) -> None:
    settings.home.mkdir(exist_ok=True)
    settings.archive_dir.write_text("in the way")
    with pytest.raises(PermanentError, match="cannot be written"):
        register("leads.csv", leads(1))
    assert stored(warehouse, lead_files) == []


@pytest.mark.parametrize(
    ("stem", "number", "count", "expected"),
    [
        ("dealers", 1, 1, f"dealers-{SHA256[:12]}"),
        ("Dealers List_2 (final)", 2, 3, f"dealers-list_2-final-{SHA256[:12]}-0002"),
        ("Ärzte & Söhne", 1, 1, f"arzte-sohne-{SHA256[:12]}"),
        ("客户", 1, 1, f"leads-{SHA256[:12]}"),
        ("x" * 99, 7, 12_345, f"{'x' * 60}-{SHA256[:12]}-00007"),
    ],
)
def test_batch_key(stem: str, number: int, count: int, expected: str) -> None:
    assert batch_key(stem, SHA256, number, count) == expected


@given(stem=st.text(max_size=80), count=st.integers(1, 100_000))
def test_batch_keys_are_plain_and_sort_in_order(stem: str, count: int) -> None:
    last = batch_key(stem, SHA256, count, count)
    assert re.fullmatch(r"[a-z0-9_-]{1,90}", last)
    assert last == batch_key(stem, SHA256, count, count)
    assert count == 1 or batch_key(stem, SHA256, count - 1, count) < last


def test_numbers_that_stay_taken_are_worth_another_try_later(warehouse: Warehouse, register: Any) -> None:
    content = leads(2)
    taken = batch_key("leads", hashlib.sha256(content.encode()).hexdigest(), 1, 1)
    seed_batch(warehouse, taken)
    with pytest.raises(TransientError, match="try again"):
        register("leads.csv", content)
    assert [row["batch_id"] for row in stored(warehouse, lead_batches)] == [taken]
