from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from sales_agent_dagster.cli import dedupe as command
from sales_agent_dagster.cli.dedupe_files import write_decisions
from sales_agent_dagster.cli.main import app
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster_tests.cli.deduping import COLUMNS, HEADER, ROWS, decisions, write


def refused(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["dedupe", *map(str, arguments)])
    assert isinstance(result.exception, ConfigurationError)
    return str(result.exception)


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_a_decision_per_row(tmp_path: Path, extension: str) -> None:
    found = decisions(write(tmp_path / "in.csv", HEADER, *ROWS), tmp_path / f"out.{extension}")
    assert found["record_id"] == ["a7", "b2", "c9"]
    assert found["entity_id"] == ["E-a7", "E-b2", "E-a7"]
    assert found["account_id"] == ["A-a7", "A-b2", "A-a7"]
    assert found["decision"] == ["new", "new", "merge"]
    assert [value or None for value in found["matched_record_id"]] == [None, None, "a7"]
    assert found["bits"][:2] == [None, None]
    assert found["bits"][2] > 6
    assert found["explanation"][0] == "New: No other lead shares enough with it."
    assert found["explanation"][2].startswith("Same as a7: ")
    assert f"= {found['bits'][2]:.1f} bits" in found["explanation"][2]


def test_parquet_with_numbers_and_nulls_gives_the_same(tmp_path: Path) -> None:
    table = pa.table(
        {
            "record_id": [7, 8, 9],
            "name": ["Quillfeather Electric", None, "Quillfeather Elec"],
            "phone": [3125550142.0, None, 3125550142.0],
            "lat": [0.5, 1.5, None],
            "website": ["quillfeather.example", None, "quillfeather.example"],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    found = decisions(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert (found["record_id"], found["matched_record_id"]) == ([7, 8, 9], [None, None, 7])
    assert found["explanation"][2].startswith("Same as 7: ")
    assert found["decision"] == ["new", "new", "merge"]
    known = str(write(tmp_path / "known.csv", HEADER, *ROWS))
    found = decisions(tmp_path / "in.parquet", tmp_path / "out.parquet", "--against", known)
    assert (found["record_id"], found["matched_record_id"][0]) == ([7, 8, 9], "a7")


def test_cells_of_a_parquet_file_are_read_whatever_their_type(tmp_path: Path) -> None:
    names = ["Quillfeather Electric", "Quillfeather Elec"]
    table = pa.table(
        {
            "name": pa.array(names).dictionary_encode(),
            "phone": pa.array([Decimal("3125550142.00"), Decimal("3125550142.00")]),
            "zip": [62701.0, float("nan")],
            "city": pa.array(["Springfield", "Springfield"], pa.string_view()),
            "made": [date(2024, 1, 2), None],
            "tags": [["a"], None],
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    found = decisions(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert found["decision"] == ["new", "merge"]
    assert "phone equal" in found["explanation"][1]
    assert "place same city" in found["explanation"][1]


@pytest.mark.parametrize(
    ("names", "values", "words"),
    [
        (["name"], [[["Quill"]]], "Column 'name' holds list<.*>, which is no text"),
        (["name"], [[b"\xff"]], "Column 'name' holds binary"),
        (["name", "name"], [["a"], ["b"]], r"Columns 'name' \(column 1\) and 'name' \(column 2\)"),
    ],
)
def test_columns_of_a_parquet_file_that_cannot_be_read_are_named(
    tmp_path: Path, names: list[str], values: list[list[object]], words: str
) -> None:
    table = pa.Table.from_arrays([pa.array(column) for column in values], names=names)
    pq.write_table(table, tmp_path / "in.parquet")
    assert re.search(words, refused(tmp_path / "in.parquet", "--out", tmp_path / "o.csv"))


def test_blank_rows_need_no_record_id(tmp_path: Path) -> None:
    lines = [HEADER, ROWS[0], ",,,,,", "", " ,, ,,,", ROWS[2]]
    found = decisions(write(tmp_path / "in.csv", *lines), tmp_path / "out.parquet")
    assert (found["record_id"], found["decision"]) == (["a7", "c9"], ["new", "merge"])
    message = refused(write(tmp_path / "in.csv", HEADER, ROWS[0], ",,,,,", ",Elm,,,,"), "--out", "o.csv")
    assert "in.csv: Column record_id is blank in row 3, not counting the header. Give every" in message


def test_what_is_read_is_never_written_over(tmp_path: Path) -> None:
    file, known = (write(tmp_path / name, HEADER, *ROWS) for name in ("in.csv", "known.csv"))
    (tmp_path / "link.csv").symlink_to(known)
    before = file.read_bytes()
    for words in (
        (file, "--out", tmp_path / "." / "in.csv"),
        (file, "--against", known, "--out", tmp_path / "link.csv"),
        ("train", file, "--out", file),
    ):
        assert "is read, and would be lost. Give --out another name." in refused(*words)
    assert file.read_bytes() == known.read_bytes() == before


def test_an_address_in_one_cell_tells_the_place(tmp_path: Path) -> None:
    lines = [
        "name,address",
        'Quill Oak,"12 Oak St\nSpringfield, IL 62701"',
        'Quill Oak Inc,"12 Oak Street, Springfield IL 62701"',
    ]
    found = decisions(write(tmp_path / "in.csv", *lines), tmp_path / "out.parquet")
    assert found["decision"] == ["new", "merge"]
    assert "place equal" in found["explanation"][1]


def test_a_firm_is_found_by_its_registered_and_by_its_trading_name(tmp_path: Path) -> None:
    lines = [
        "Legal Business Name,DBA,Phone,City,State",
        "Quillfeather Holdings LLC,Oakton Electric,312-555-0142,Oakton,IL",
        "QUILLFEATHER HOLDINGS,,,Oakton,IL",
        ",Oakton Electric Co,312-555-0142,,",
        "Zedwick,Zedwick LLC,,Oakland,CA",
    ]
    found = decisions(write(tmp_path / "in.csv", *lines), tmp_path / "out.parquet")
    assert found["entity_id"] == ["E-1", "E-1", "E-1", "E-4"]
    assert all("name equal" in sentence for sentence in found["explanation"][1:3])


def test_a_country_tells_how_its_numbers_are_dialled(tmp_path: Path) -> None:
    lines = ["Firma,Telefono,Pais", "Moreno,91 302 20 15,Spain", "Moreno SL,+34 913022015,ES"]
    found = decisions(write(tmp_path / "in.csv", *lines), tmp_path / "out.parquet")
    assert "phone equal" in found["explanation"][1]


def test_rows_are_numbered_where_no_column_does(tmp_path: Path) -> None:
    lines = [line.partition(",")[2] for line in (HEADER, *ROWS)]
    assert decisions(write(tmp_path / "in.csv", *lines), tmp_path / "out.parquet")["record_id"] == [
        "1",
        "2",
        "3",
    ]


def test_ragged_rows_and_other_separators_lose_no_row(tmp_path: Path) -> None:
    lines = [line.replace(",", ";") for line in (HEADER, *ROWS)]
    lines[2] = "b2;Zedwick Plumbing"
    found = decisions(write(tmp_path / "in.csv", *lines, "", "d4;;;;;"), tmp_path / "out.parquet")
    assert found["record_id"] == ["a7", "b2", "c9", "d4"]
    assert found["decision"] == ["new", "new", "merge", "new"]


@pytest.mark.parametrize("stray", [[20], [20, 40]], ids=["one", "a pair"])
def test_a_quote_too_many_is_refused_rather_than_rows_lost(tmp_path: Path, stray: list[int]) -> None:
    lines = ["name,phone", *(f"Quill {number} Roofing,312555{number:04}" for number in range(50))]
    for line in stray:
        lines[line] = '"' + lines[line]
    message = refused(write(tmp_path / "in.csv", *lines), "--out", tmp_path / "out.csv")
    assert f"in.csv: The quote opened on line {stray[0] + 1} is not closed" in message


def test_cells_of_several_lines_and_blank_rows_are_rows_as_any(tmp_path: Path) -> None:
    lines = ["name,phone", '"Quill\nRoofing",3125550142', ",", "Elm Co"]
    assert len(decisions(write(tmp_path / "in.csv", *lines), tmp_path / "out.parquet")["decision"]) == 3


def test_a_cell_beyond_all_bounds_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "in.csv", "name,phone", "Elm Co", f"{'x' * 200_000},1")
    assert "The row on line 3 has a cell longer than" in refused(file, "--out", tmp_path / "out.csv")


def test_several_columns_of_one_field_are_all_used(tmp_path: Path) -> None:
    lines = [
        "company,phone,mobile,company phone,first name,last name,street,address 2,city,zip",
        "Quill Oak,,312-555-0142,,Ada,Quill,12 Oak St,Suite 4,Springfield,62701",
        "Quill Oak Inc,312-555-0177,312-555-0142,,Ada,Quill,12 Oak St,Suite 4,Springfield,62701",
        "Elm Co,,,,,,,,,",
    ]
    assert decisions(write(tmp_path / "in.csv", *lines), tmp_path / "o.parquet")["entity_id"] == [
        "E-1",
        "E-1",
        "E-3",
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([HEADER, ROWS[0], ROWS[0]], "Column record_id holds 'a7' more than once"),
        (["name,color,fax", "1,2,3,4"], "has 4 cells and the header 3"),
        (["color,size", "red,2"], "No column holds a company name"),
        (["phone,phone,name", "1,2,3"], "have one name, and it means phone"),
        ([""], "empty"),
    ],
)
def test_faults_of_a_file_are_named(tmp_path: Path, lines: list[str], words: str) -> None:
    file = write(tmp_path / "in.csv", *lines)
    message = refused(file, "--out", tmp_path / "out.csv")
    assert words in message
    assert str(file) in message


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    good = write(tmp_path / "in.csv", HEADER, *ROWS)
    assert "No such file" in refused(tmp_path / "absent.csv", "--out", tmp_path / "o.csv")
    assert "ends in .csv or .parquet" in refused(tmp_path / "in.xlsx", "--out", tmp_path / "o.csv")
    assert "--out a name that ends in" in refused(good, "--out", tmp_path / "o.xlsx")
    assert "is not a folder" in refused(good, "--out", tmp_path / "absent" / "o.csv")
    assert "not a Parquet file" in refused(write(tmp_path / "x.parquet", "x"), "--out", tmp_path / "o.csv")
    assert "at least 2,000" in refused("train", good, "--out", tmp_path / "m.json")
    (tmp_path / "taken.csv").mkdir()
    assert "cannot be written" in refused(good, "--out", tmp_path / "taken.csv")


@pytest.mark.parametrize("name", ["o.csv", "o.parquet"])
def test_decisions_are_written_in_parts_whole_or_not_at_all(tmp_path: Path, name: str) -> None:
    part = pa.table({"record_id": ["a", "b"]})

    def failing() -> Iterator[pa.Table]:
        yield part
        raise OSError(28, "No space left on device")

    with pytest.raises(ConfigurationError, match="cannot be written: No space left"):
        write_decisions(failing(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    write_decisions([part, part], tmp_path / name)
    written = pq.read_table(tmp_path / name) if name.endswith("parquet") else pa_csv.read_csv(tmp_path / name)
    assert written["record_id"].to_pylist() == ["a", "b", "a", "b"]


def test_a_list_without_rows_has_no_decisions(tmp_path: Path) -> None:
    out = tmp_path / "o.csv"
    given = write(tmp_path / "in.csv", HEADER)
    assert CliRunner().invoke(app, ["dedupe", str(given), "--out", str(out)]).exit_code == 0
    assert out.read_text().splitlines() == [",".join(f'"{name}"' for name in COLUMNS)]


@pytest.mark.parametrize(
    "words", [["a.csv", "b.csv"], ["train"], ["train", "a.csv", "--against", "warehouse"]]
)
def test_wrong_words(tmp_path: Path, words: list[str]) -> None:
    result = CliRunner().invoke(app, ["dedupe", *words, "--out", str(tmp_path / "o.csv")])
    assert result.exit_code == 2
    assert "give one file" in result.output


def test_steps_are_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "interactive", lambda console: True)
    with command.Steps() as step:
        step("reading")


def test_output_survives_csv_readers(tmp_path: Path) -> None:
    lines = [
        HEADER,
        '"a,7","Quill, ""Oak"" Electric",312-555-0142,,,',
        "b8,Quill Oak Electric,312-555-0142,,,",
    ]
    decisions(write(tmp_path / "in.csv", *lines), tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["record_id"] for row in rows] == ["a,7", "b8"]
    assert rows[1]["matched_record_id"] == "a,7"
