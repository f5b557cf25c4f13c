"""Names and streets as most are written, many at once: the words of a column, each looked at once.

Gives for those texts what ``read_name`` and ``read_street`` give one by one; the tests compare them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.domain.values.text import MISSING
from sales_agent_dagster.matching.address_keys import is_odd_in_street, street_word, told_in_street
from sales_agent_dagster.matching.arrays import counting
from sales_agent_dagster.matching.name_words import EDGES, MAX_NAME, is_odd_in_name, usual_words
from sales_agent_dagster.matching.vocabulary import CONNECTIVES, LEGAL_FORMS, WEAK_LEGAL_FORMS

MAX_STREET = 200
"""Characters of a street that ``read_street`` looks at."""

Mask = NDArray[np.bool_]
Codes = NDArray[np.int64]
Read = tuple[Mask, list[pa.StringArray]]
"""Which texts are plain, and the parts of those that are."""


def plain_names(texts: pa.StringArray) -> Read:
    """Name, core and alias of the names without tail, alias, bracket or single letters."""
    lower = pc.ascii_lower(pc.ascii_trim(texts, EDGES))
    plain = _all_of(
        pc.match_substring_regex(lower, r"^[a-z0-9,&.' -]+$"),
        pc.invert(pc.match_substring(texts, ";")),  # which may end an entity
        _short(texts, MAX_NAME),
    )
    lower = pc.replace_substring(lower.filter(pa.array(plain)), "'", "")
    lower = pc.replace_substring_regex(lower, r"\b(\w)\.", r"\1")
    words = _Words(lower)
    odd = _any_of(pc.match_substring(lower, " - "), pc.is_in(lower, pa.array(sorted(MISSING))))
    odd |= words.any(is_odd_in_name) | ~words.any(lambda word: word not in CONNECTIVES)
    words = words.keep(~words.told(CONNECTIVES.__contains__)[words.codes]).spelled(usual_words)
    odd |= words.any(lambda word: len(word) == 1)
    core = words.keep(_core(words))
    name = words.joined()
    known = ~np.asarray(pc.is_in(name, pa.array(sorted(MISSING))))
    parts = [name, core.joined(), pa.array([""] * len(name), pa.string())]
    return _chosen(plain, ~odd & known, parts)


def _core(words: _Words) -> Mask:
    """The words that ``name_words`` takes as the core of a name: no legal form, no weak one at the end."""
    weak = words.told(WEAK_LEGAL_FORMS.__contains__)[words.codes]
    strong = weak | ~words.told(LEGAL_FORMS.__contains__)[words.codes]
    place = np.arange(len(words.codes))
    last = np.full(words.size, -1)
    np.maximum.at(last, words.rows[strong & ~weak], place[strong & ~weak])
    first = np.full(words.size, len(place))
    np.minimum.at(first, words.rows[strong], place[strong])
    strong &= place <= np.maximum(last, first)[words.rows]
    none = np.bincount(words.rows[strong], minlength=words.size) == 0
    kept: Mask = strong | none[words.rows]
    return kept


def plain_streets(texts: pa.StringArray) -> Read:
    """Number, words and unit of the streets that are a number and words."""
    lower = pc.ascii_lower(pc.ascii_trim(texts, " "))
    plain = _all_of(
        pc.match_substring_regex(lower, r"^[0-9][a-z0-9. ]*$"),
        pc.invert(pc.match_substring_regex(lower, r"[0-9]\.")),
        _short(texts, MAX_STREET),
    )
    words = _Words(lower.filter(pa.array(plain)))
    odd = words.any(is_odd_in_street)
    number = np.zeros(len(words.codes), bool)
    starts, counts = words.starts(), words.counts()
    number[starts] = words.told(str.isdecimal)[words.codes[starts]]
    odd |= ~number[starts] | (counts < 2)
    numbers = words.keep(number).spelled(lambda word: [word.lstrip("0")]).joined()
    # A letter after the number belongs to it.
    second = starts[counts > 2] + 1
    lettered = second[words.told(lambda word: len(word) == 1)[words.codes[second]]]
    rest = ~number
    rest[lettered] = False
    named = words.keep(rest).spelled(street_word)
    odd |= ~named.any(told_in_street)
    named = named.keep(named.told(told_in_street)[named.codes])
    parts = [numbers, named.joined(), pa.array([""] * len(numbers), pa.string())]
    return _chosen(plain, ~odd, parts)


def _short(texts: pa.StringArray, length: int) -> pa.BooleanArray:
    return pc.less_equal(pc.binary_length(texts), length)


def _all_of(*masks: pa.BooleanArray) -> Mask:
    found: Mask = np.logical_and.reduce([np.asarray(mask, bool) for mask in masks])
    return found


def _any_of(*masks: pa.BooleanArray) -> Mask:
    found: Mask = np.logical_or.reduce([np.asarray(mask, bool) for mask in masks])
    return found


def _chosen(plain: Mask, good: Mask, parts: Sequence[pa.StringArray]) -> Read:
    """``good`` says which of the plain texts turned out well."""
    chosen = plain.copy()
    chosen[plain] = good
    return chosen, [part.filter(pa.array(good)) for part in parts]


class _Words:
    """Words of texts.

    Attributes:
        size: number of texts.
        words: the distinct words.
        rows, codes: of all words in their order: number of the text, number in ``words``.
    """

    def __init__(self, texts: pa.StringArray) -> None:
        bare = pc.ascii_trim(pc.replace_substring_regex(texts, r"[^a-z0-9]+", " "), " ")
        lists = pc.split_pattern(bare, " ")
        coded = lists.flatten().dictionary_encode()
        self.size = len(texts)
        self.words: list[str] = coded.dictionary.to_pylist()
        self.rows: Codes = pc.list_parent_indices(lists).to_numpy()
        self.codes: Codes = coded.indices.to_numpy().astype(np.int64)

    @classmethod
    def _of(cls, size: int, words: list[str], rows: Codes, codes: Codes) -> _Words:
        made = cls.__new__(cls)
        made.size, made.words, made.rows, made.codes = size, words, rows, codes
        return made

    def counts(self) -> Codes:
        """Words of each text."""
        return np.bincount(self.rows, minlength=self.size)

    def starts(self) -> Codes:
        """Place of each text's first word; every text must have one."""
        return np.cumsum(self.counts()) - self.counts()

    def told(self, test: Callable[[str], Any]) -> Mask:
        """Per distinct word what a test says."""
        return np.array([bool(test(word)) for word in self.words], bool)

    def any(self, test: Callable[[str], Any]) -> Mask:
        """The texts with a word of which a test is true."""
        found = np.zeros(self.size, bool)
        found[self.rows[self.told(test)[self.codes]]] = True
        return found

    def keep(self, chosen: Mask) -> _Words:
        """Some of the words."""
        return self._of(self.size, self.words, self.rows[chosen], self.codes[chosen])

    def spelled(self, spell: Callable[[str], Iterable[str]]) -> _Words:
        """Each word replaced by words."""
        numbers: dict[str, int] = {}
        lists = [[numbers.setdefault(new, len(numbers)) for new in spell(word)] for word in self.words]
        lengths = np.array([len(new) for new in lists], np.int64)
        ends = np.cumsum(lengths)
        flat = np.array([number for new in lists for number in new], np.int64)
        counts = lengths[self.codes]
        codes = flat[np.repeat((ends - lengths)[self.codes], counts) + counting(counts)]
        return self._of(self.size, list(numbers), np.repeat(self.rows, counts), codes)

    def joined(self) -> pa.StringArray:
        """The words of each text with spaces between them."""
        offsets = np.append(0, np.cumsum(self.counts())).astype(np.int32)
        texts = pa.array(self.words, pa.string()).take(pa.array(self.codes))
        return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), texts), " ")
