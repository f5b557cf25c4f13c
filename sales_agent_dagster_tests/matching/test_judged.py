from __future__ import annotations

from pathlib import Path

import pytest

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.matching.judged import block_recall, judge, load_judged
from sales_agent_dagster.matching.model import load_model

HEADER = "company,name,phone,city,state"


def judged(path: Path, *lines: str) -> Path:
    file = path / "judged.csv"
    file.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return file


def test_the_evaluation_set_is_within_its_bounds() -> None:
    figures = judge(load_judged(), load_model())
    assert figures.block.rows > 700
    assert figures.block.true_pairs > 400
    assert figures.block == block_recall(load_judged())
    assert figures.block.candidates < 3 * figures.block.rows
    assert figures.block.share >= 0.98
    assert figures.f1 >= 0.94
    assert figures.precision >= 0.99
    assert figures.merge_precision >= 0.995
    assert 0 < figures.review_share <= 0.12


def test_figures_are_those_of_the_pairs(tmp_path: Path) -> None:
    file = judged(
        tmp_path,
        "a,Quillfeather Electric,3125550142,Springfield,IL",
        "a,Quillfeather Elec,3125550142,Springfield,IL",
        "b,Zedwick Plumbing,4155550199,Oakland,CA",
        "b,Wholly Otherwise,,,",
        "c,Elm Roofing,2065550111,Tacoma,WA",
        "d,Elm Roofing,2065550111,Tacoma,WA",
    )
    figures = judge(load_judged(file), load_model())
    block = figures.block
    assert (block.rows, block.true_pairs, block.reached, block.share) == (6, 2, 1, 0.5)
    assert (figures.precision, figures.recall, figures.f1) == (0.5, 0.5, 0.5)
    assert figures.merge_precision == 0.5
    assert figures.review_share == 0.0


def test_without_pairs_nothing_is_missed(tmp_path: Path) -> None:
    found = block_recall(load_judged(judged(tmp_path, "a,Quill Electric,,,", "b,Zedwick,,,")))
    assert (found.true_pairs, found.share) == (0, 1.0)


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"absent\.csv cannot be read"):
        load_judged(tmp_path / "absent.csv")
    (tmp_path / "x.csv").write_text("name\nQuill\n")
    with pytest.raises(ConfigurationError, match=r"x\.csv has no column company"):
        load_judged(tmp_path / "x.csv")
