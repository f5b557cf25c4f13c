from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.matching.hashing import hash_texts


def test_no_texts_and_empty_texts() -> None:
    assert hash_texts(pa.array([], pa.string())).tolist() == []
    assert hash_texts(pa.array(["", ""])).tolist() == [0, 0]


@given(st.lists(st.text(max_size=300), max_size=8))
def test_each_text_has_its_hash_wherever_it_stands(texts: list[str]) -> None:
    together = hash_texts(pa.array(texts, pa.string())).tolist()
    assert together == [int(hash_texts(pa.array([text]))[0]) for text in texts]
    assert len(set(together)) == len(set(texts))


def test_slices_hash_like_the_whole() -> None:
    whole = pa.array(["quill", "", "oak", "elm"])
    assert hash_texts(whole.slice(2, 2)).tolist() == hash_texts(whole).tolist()[2:]
