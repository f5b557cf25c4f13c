"""Names and streets as most are written, many at once: the words of a column, each looked at once.

Gives for those texts what ``read_name`` and ``read_street`` give one by one; the tests compare them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.domain.values.text import MISSING
from sales_agent_dagster.matching.address_keys import ODD_IN_STREETS, UNTELLING
from sales_agent_dagster.matching.arrays import counting
from sales_agent_dagster.matching.name_words import ALIAS_WORDS, EDGES, MAX_NAME
from sales_agent_dagster.matching.vocabulary import (
    CONNECTIVES,
    LEGAL_FORMS,
    STREET_SPELLINGS,
    WEAK_LEGAL_FORMS,
    WORD_SPELLINGS,
)

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
    words = _Words.of(lower)
    odd = _any_of(pc.match_substring(lower, " - "), pc.is_in(lower, pa.array(sorted(MISSING))))
    connective = words.among(CONNECTIVES)
    odd |= words.any(words.among(ALIAS_WORDS) | words.single()) | ~words.any(~connective)
    words = words.keep(~connective).spelled(WORD_SPELLINGS)
    odd |= words.any(words.single())
    core = words.keep(_core(words))
    name = words.joined()
    known = ~np.asarray(pc.is_in(name, pa.array(sorted(MISSING))))
    parts = [name, core.joined(), pa.array([""] * len(name), pa.string())]
    return _chosen(plain, ~odd & known, parts)


def _core(words: _Words) -> Mask:
    """The words that ``name_words`` takes as the core of a name: no legal form, no weak one at the end."""
    weak = words.among(WEAK_LEGAL_FORMS)
    strong = weak | ~words.among(LEGAL_FORMS)
    place = np.arange(len(words.codes))
    last = np.full(words.size, -1)
    last[words.rows[strong & ~weak]] = place[strong & ~weak]  # of several the last one stays
    first = np.full(words.size, len(place))
    first[words.rows[strong][::-1]] = place[strong][::-1]
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
    words = _Words.of(lower.filter(pa.array(plain)))
    starts, counts = words.starts(), words.counts()
    number = np.zeros(len(words.codes), bool)
    number[starts] = words.matching(r"^[0-9]+$")[starts]
    odd = words.any(words.among(ODD_IN_STREETS)) | ~number[starts] | (counts < 2)
    numbers = words.keep(number).changed(lambda texts: pc.ascii_ltrim(texts, "0")).joined()
    # A letter after the number belongs to it.
    second = starts[counts > 2] + 1
    rest = ~number
    rest[second[words.single()[second]]] = False
    named = words.keep(rest).spelled(STREET_SPELLINGS)
    named = named.keep(~named.among(UNTELLING)).changed(_without_endings)
    odd |= named.counts() == 0
    parts = [numbers, named.joined(), pa.array([""] * len(numbers), pa.string())]
    return _chosen(plain, ~odd, parts)


def _without_endings(words: pa.StringArray) -> pa.StringArray:
    return pc.if_else(
        pc.match_substring_regex(words, "^[0-9]"),
        pc.replace_substring_regex(words, "([0-9]+)(?:st|nd|rd|th)", r"\1"),
        words,
    )


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


@dataclass(frozen=True)
class _Words:
    """Words of texts.

    Attributes:
        size: number of texts.
        texts: words; one may be there more than once.
        rows, codes: of all words in their order: number of the text, number in ``texts``.
    """

    size: int
    texts: pa.StringArray
    rows: Codes
    codes: Codes

    @classmethod
    def of(cls, texts: pa.StringArray) -> _Words:
        """The words of lower-case texts."""
        bare = pc.ascii_trim(pc.replace_substring_regex(texts, r"[^a-z0-9]+", " "), " ")
        lists = pc.split_pattern(bare, " ")
        coded = lists.flatten().dictionary_encode()
        rows = pc.list_parent_indices(lists).to_numpy()
        return cls(len(texts), coded.dictionary, rows, coded.indices.to_numpy().astype(np.int64))

    def counts(self) -> Codes:
        """Words of each text."""
        return np.bincount(self.rows, minlength=self.size)

    def starts(self) -> Codes:
        """Place of each text's first word; every text must have one."""
        counts = self.counts()
        return np.cumsum(counts) - counts

    def among(self, words: Iterable[str]) -> Mask:
        """Per word whether it is one of these."""
        return self._told(pc.is_in(self.texts, pa.array(sorted(words), pa.string())))

    def single(self) -> Mask:
        """Per word whether it is a single letter or digit."""
        return self._told(pc.equal(pc.binary_length(self.texts), 1))

    def matching(self, pattern: str) -> Mask:
        """Per word whether a regular expression finds something in it."""
        return self._told(pc.match_substring_regex(self.texts, pattern))

    def _told(self, texts: pa.BooleanArray) -> Mask:
        found: Mask = np.asarray(texts, bool)[self.codes]
        return found

    def any(self, chosen: Mask) -> Mask:
        """The texts with at least one of the chosen words."""
        found = np.zeros(self.size, bool)
        found[self.rows[chosen]] = True
        return found

    def keep(self, chosen: Mask) -> _Words:
        """Some of the words."""
        return replace(self, rows=self.rows[chosen], codes=self.codes[chosen])

    def changed(self, change: Callable[[pa.StringArray], pa.StringArray]) -> _Words:
        """Each word changed."""
        return replace(self, texts=change(self.texts))

    def spelled(self, spellings: Mapping[str, str]) -> _Words:
        """Each word that has a spelling replaced by the words of that."""
        found = np.flatnonzero(pc.is_in(self.texts, pa.array(list(spellings), pa.string())))
        spelt = [spellings[text].split() for text in self.texts.take(pa.array(found)).to_pylist()]
        size = len(self.texts)
        lengths, first = np.ones(size, np.int64), np.arange(size)
        lengths[found] = [len(words) for words in spelt]
        first[found] = size + np.cumsum(lengths[found]) - lengths[found]
        counts = lengths[self.codes]
        return _Words(
            self.size,
            pa.concat_arrays(
                [self.texts, pa.array([word for words in spelt for word in words], pa.string())]
            ),
            np.repeat(self.rows, counts),
            np.repeat(first[self.codes], counts) + counting(counts),
        )

    def joined(self) -> pa.StringArray:
        """The words of each text with spaces between them."""
        offsets = np.append(0, np.cumsum(self.counts())).astype(np.int32)
        texts = self.texts.take(pa.array(self.codes))
        return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), texts), " ")
