from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sales_agent_dagster.cli import dedupe as command
from sales_agent_dagster.cli import dedupe_warehouse
from sales_agent_dagster.cli.dedupe_warehouse import read_warehouse
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster_tests.cli.deduping import HEADER, ROWS, decisions, write


def test_against_another_file(tmp_path: Path) -> None:
    known = write(tmp_path / "known.csv", HEADER, ROWS[0], ROWS[1])
    found = decisions(
        write(tmp_path / "in.csv", HEADER, ROWS[2]), tmp_path / "out.parquet", "--against", str(known)
    )
    assert found["record_id"] == ["c9"]
    assert (found["entity_id"], found["matched_record_id"]) == (["E-a7"], ["a7"])
    assert found["decision"] == ["merge"]


def test_against_a_file_that_names_entities(tmp_path: Path) -> None:
    known = write(tmp_path / "known.csv", HEADER + ",entity_id", ROWS[0] + ",ACME", ROWS[1] + ",ZED")
    found = decisions(
        write(tmp_path / "in.csv", HEADER, ROWS[2], "d1,Elm,,,,"),
        tmp_path / "out.parquet",
        "--against",
        str(known),
    )
    assert found["entity_id"] == ["ACME", "E-d1"]


def test_a_row_that_fits_two_companies_says_so(tmp_path: Path) -> None:
    known = write(tmp_path / "known.csv", f"{HEADER},entity_id", f"{ROWS[0]},X1", f"k2{ROWS[0][2:]},X2")
    file = write(tmp_path / "in.csv", HEADER, ROWS[2])
    found = decisions(file, tmp_path / "out.csv", "--against", str(known))
    assert found["decision"] == ["review"]
    assert found["explanation"][0].startswith("Fits two companies, perhaps the same as ")


def test_only_the_row_between_two_companies_fits_both(tmp_path: Path) -> None:
    """The last row is like it alone, and unlike the others of its company."""
    oakton = "Quillfeather Electric,312-555-0142,,,Ada Quill,12 Oak St,Oakton,IL,62701"
    lines = [
        "Company,Phone,Phone 2,Website,Contact,Street,City,State,Zip",
        *(oakton, oakton, "Quillfeather Electric,312-555-0142,415-777-0142,zed.example,Ada Quill,,,,"),
        "Quillfeather Electric,415-777-0142,,zed.example,,900 Elm Rd,Elmville,CA,94101",
    ]
    found = decisions(write(tmp_path / "in.csv", *lines), tmp_path / "out.csv")
    assert found["decision"] == ["new", "merge", "review", "review"]
    between, last = map(str, found["explanation"][2:])
    assert between.startswith("Fits two companies, perhaps the same as 1: ")
    assert last.startswith("Perhaps the same as 3: ")
    assert float(str(found["bits"][3])) > load_model().thresholds.auto


def test_what_may_have_moved_fits_one_company(tmp_path: Path) -> None:
    lines = [
        f"{HEADER},Street",
        f"{ROWS[0]},12 Oak St",
        f"{ROWS[2].replace('Springfield', 'Elmville')},977 Elm Rd",
    ]
    found = decisions(write(tmp_path / "in.csv", *lines), tmp_path / "out.csv")
    assert found["decision"] == ["new", "review"]
    assert found["explanation"][1].startswith("Perhaps the same as a7: ")
    assert found["explanation"][1].endswith("; another street in another town.")


def test_tables_that_number_their_rows_alike_are_told_apart(tmp_path: Path) -> None:
    header, acme, zed, again = (line.partition(",")[2] for line in (HEADER, *ROWS))
    known = write(tmp_path / "known.csv", header, acme, zed)
    file = write(tmp_path / "in.csv", header, "Elm Roofing,2135550100,elm.example,,", again, zed, zed)
    found = decisions(file, tmp_path / "out.parquet", "--against", str(known))
    assert found["record_id"] == ["1", "2", "3", "4"]
    assert found["entity_id"] == ["E-new-1", "E-1", "E-2", "E-2"]
    assert found["account_id"] == ["A-new-1", "A-1", "A-2", "A-2"]
    assert found["matched_record_id"][:3] == [None, "1", "2"]
    assert ["(known)" in str(told) for told in found["explanation"][:3]] == [False, True, True]


def test_a_row_of_the_same_file_is_told_from_the_known_one_of_its_number(tmp_path: Path) -> None:
    header, acme, zed, again = (line.partition(",")[2] for line in (HEADER, *ROWS))
    found = decisions(
        write(tmp_path / "in.csv", header, acme, again),
        tmp_path / "out.parquet",
        "--against",
        str(write(tmp_path / "known.csv", header, zed)),
    )
    assert found["entity_id"] == ["E-new-1", "E-new-1"]
    assert found["matched_record_id"] == [None, "1"]
    assert "(known)" not in str(found["explanation"][1])


def test_an_entity_id_is_given_once_whatever_the_ids_are() -> None:
    ids, taken = pa.array(["1", "2", "new-1", "3"]), pa.array(["E-1", None, "E-new-new-1"])
    found = command._apart("E-", ids, taken, pa.array(["2"])).to_pylist()
    assert found == ["E-new-new-new-1", "E-new-2", "E-new-1", "E-3"]


def test_a_blank_entity_is_unknown_rather_than_one_company(tmp_path: Path) -> None:
    lines = [HEADER + ",entity_id,account_id", ROWS[0] + ",,", ROWS[1] + ", ,GROUP", "z1,Elm,,,,,E-b2,"]
    options = "--against", str(write(tmp_path / "known.csv", *lines))
    rows = ROWS[2], "d1,Zedwick Plumbing,415-777-0199,zedwick.example,Oakland,CA"
    found = decisions(write(tmp_path / "in.csv", HEADER, *rows), tmp_path / "out.parquet", *options)
    assert found["entity_id"] == ["E-a7", "E-new-b2"]
    assert found["account_id"] == ["A-a7", "GROUP"]


def test_against_the_warehouse(tmp_path: Path, demo_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = read_warehouse()
    assert len(known) == len(known.entity_ids) > 150
    monkeypatch.setattr(dedupe_warehouse, "ROWS_AT_ONCE", 64)
    assert read_warehouse() == known
    row = max(
        range(len(known)), key=lambda number: sum(bool(cells[number].as_py()) for cells in known.raw.values())
    )
    cells = {name: [column[row].as_py()] for name, column in known.raw.items() if name != "phone_2"}
    pq.write_table(pa.table({"record_id": ["x1"], **cells}), tmp_path / "in.parquet")
    found = decisions(tmp_path / "in.parquet", tmp_path / "out.parquet", "--against", "warehouse")
    assert found["entity_id"] == [known.entity_ids[row].as_py()]
    assert found["account_id"] == [known.account_ids[row].as_py()]
