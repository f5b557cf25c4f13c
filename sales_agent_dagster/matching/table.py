"""Normalised leads in columns: each value once, rows as numbers of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.matching.hashing import hash_texts, mix
from sales_agent_dagster.matching.lead import NORM_FIELDS, NormLead
from sales_agent_dagster.matching.vocabulary import OWNING_WORDS, TRADE_WORDS

Codes = NDArray[np.int32]
Hashes = NDArray[np.uint64]

MAX_TOKENS = 8
"""Words of a name that are compared."""

INITIALS_FROM, LONGEST_INITIALS = 3, 5
"""Letters of initials that stand for a name."""

TELLS_FROM = 0.1
"""Share of rows with a value from which a column tells firms apart."""


@cache
def words_array(words: frozenset[str]) -> pa.StringArray:
    """The words in order. Made when they are first asked for: Arrow looks for pandas, which loads slowly."""
    return pa.array(sorted(words), pa.string())


_NOTHING = frozenset({""})
_TRADE = TRADE_WORDS | _NOTHING


@dataclass(frozen=True)
class Column:
    """One field of all leads.

    Attributes:
        codes: per row the number of its value; 0 is unknown.
        values: the distinct values; the first is the empty text.
    """

    codes: Codes
    values: pa.StringArray

    @classmethod
    def of(cls, texts: pa.StringArray | Sequence[str]) -> Column:
        """The column of a row-wise list of texts."""
        array = texts if isinstance(texts, pa.StringArray) else pa.array(texts, pa.string())
        return coded(np.arange(len(array), dtype=np.int32), array)

    @cached_property
    def hashes(self) -> Hashes:
        """Hash per distinct value; 0 is unknown."""
        return hash_texts(self.values)

    @cached_property
    def counts(self) -> Codes:
        """Rows per distinct value."""
        return np.bincount(self.codes, minlength=len(self.values)).astype(np.int32)

    def texts(self, rows: NDArray[Any]) -> pa.StringArray:
        """The values of some rows."""
        return self.values.take(pa.array(self.codes[rows]))

    def text(self, row: int) -> str:
        """The value of one row."""
        return str(self.values[int(self.codes[row])])


def coded(codes: NDArray[Any], texts: pa.StringArray) -> Column:
    """A column of rows that point into ``texts``, which may hold a value more than once."""
    encoded = pa.concat_arrays([words_array(_NOTHING), texts]).dictionary_encode()
    numbers = encoded.indices.to_numpy().astype(np.int32, copy=False)[1:]
    if len(numbers) == 0:
        return Column(codes.astype(np.int32), encoded.dictionary)
    return Column(numbers[codes], encoded.dictionary)


def stacked(columns: Sequence[Column]) -> Column:
    """The rows of several columns, one after the other."""
    starts = np.cumsum([0, *(len(column.values) for column in columns[:-1])])
    codes = np.concatenate([c.codes + start for c, start in zip(columns, starts, strict=True)])
    return coded(codes, pa.concat_arrays([column.values for column in columns]))


class Names:
    """Words of distinct names.

    Attributes:
        tokens: the distinct words.
        ids: per name up to ``MAX_TOKENS`` numbers of words, -1 where there are no more.
        squeezed: per name the number of its spelling without spaces, into ``squeezed_texts``.
        bag: per name a hash of its words in any order; 0 for the empty name.
        head, second: per name the first word that is no trade word and the longest other one; -1 is none.
    """

    def __init__(self, values: pa.StringArray) -> None:
        lists = pc.split_pattern(values, " ")
        encoded = lists.flatten().dictionary_encode()
        self.tokens: pa.StringArray = encoded.dictionary
        flat = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)
        offsets = lists.offsets.to_numpy().astype(np.int64)
        self.ids = _padded(flat, offsets)
        squeezed = pc.replace_substring(values, " ", "").dictionary_encode()
        self.squeezed: Codes = squeezed.indices.to_numpy(zero_copy_only=False).astype(np.int32)
        self.squeezed_texts: pa.StringArray = squeezed.dictionary
        self.token_hashes = hash_texts(self.tokens)
        per_token = mix(self.token_hashes[flat], 1)
        self.bag: Hashes = np.add.reduceat(per_token, offsets[:-1]) if len(flat) else np.zeros(0, np.uint64)
        self.bag[np.asarray(pc.equal(values, ""))] = 0
        self.head, self.second, self.third = self._telling()

    @cached_property
    def token_lengths(self) -> Codes:
        """Letters of each distinct word."""
        lengths: Codes = pc.utf8_length(self.tokens).to_numpy(zero_copy_only=False).astype(np.int32)
        return lengths

    @cached_property
    def is_trade(self) -> NDArray[np.bool_]:
        """Per word whether many firms' names hold it."""
        return np.asarray(pc.is_in(self.tokens, words_array(_TRADE)))

    @cached_property
    def is_owning(self) -> NDArray[np.bool_]:
        """Per word whether it is of firms that own others; one place more, for no word."""
        return np.append(np.asarray(pc.is_in(self.tokens, words_array(OWNING_WORDS))), False)

    @cached_property
    def initials(self) -> Hashes:
        """Per name of ``INITIALS_FROM`` to ``MAX_TOKENS`` words a hash of their initials; else 0."""
        known = self.ids >= 0
        first = hash_texts(pc.utf8_slice_codeunits(self.tokens, 0, 1))
        letters = np.where(known, mix(np.append(first, np.uint64(0))[self.ids], 5), np.uint64(0))
        return _in_order(letters, known.sum(axis=1) >= INITIALS_FROM)

    @cached_property
    def short(self) -> Hashes:
        """Per name that begins with a short word the ``initials`` of names that it abbreviates; else 0."""
        texts = self.tokens
        letters = np.stack(
            [hash_texts(pc.utf8_slice_codeunits(texts, at, at + 1)) for at in range(LONGEST_INITIALS)], axis=1
        )
        fits = (self.token_lengths >= INITIALS_FROM) & (self.token_lengths <= LONGEST_INITIALS)
        hashes = _in_order(np.where(letters > 0, mix(letters, 5), np.uint64(0)), fits)
        return np.append(hashes, np.uint64(0))[self.ids[:, 0]]

    def _telling(self) -> tuple[Codes, Codes, Codes]:
        telling = (self.ids >= 0) & ~self.is_trade[self.ids]
        # A number is somebody's for the firm, not its name, unless nothing else is there.
        number = np.append(np.asarray(pc.match_substring_regex(self.tokens, r"^\d{3,}$")), False)[self.ids]
        worded = (telling & ~number).any(axis=1)
        telling &= ~(number & worded[:, None])
        rows = np.arange(len(self.ids))
        first = telling.argmax(axis=1)
        has = telling[rows, first]
        head = np.where(has, self.ids[rows, first], -1).astype(np.int32)
        other = np.where(telling, self.token_lengths[self.ids], 0)
        other[rows, first] = 0
        longest = other.argmax(axis=1)
        second = np.where(other[rows, longest] > 0, self.ids[rows, longest], -1).astype(np.int32)
        other[rows, longest] = 0
        shorter = other.argmax(axis=1)
        third = np.where(other[rows, shorter] > 0, self.ids[rows, shorter], -1).astype(np.int32)
        return head, second, third


def _in_order(letters: Hashes, use: NDArray[np.bool_]) -> Hashes:
    """Per row a hash of its hashed letters in their order; 0 where it is not to be used."""
    places = np.arange(1, letters.shape[1] + 1, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return np.where(use, mix((letters * places).sum(axis=1, dtype=np.uint64), 6), np.uint64(0))


def _padded(flat: Codes, offsets: NDArray[np.int64]) -> Codes:
    lengths = np.minimum(np.diff(offsets), MAX_TOKENS)
    places = np.arange(MAX_TOKENS)
    positions = np.minimum(offsets[:-1, None] + places, max(len(flat) - 1, 0))
    return np.where(places < lengths[:, None], flat[positions], -1).astype(np.int32)


class LeadTable:
    """Normalised leads in columns.

    Args:
        columns: a column per field of ``NORM_FIELDS``, all of one length.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self.columns = dict(columns)
        self.size = len(self.columns["core"].codes)
        core = self.columns["core"]
        both = stacked([core, self.columns["alias"]])
        self.core: Codes = both.codes[: self.size]
        self.alias: Codes = both.codes[self.size :]
        self.core_values = Column(both.codes, both.values)

    @classmethod
    def of(cls, leads: Sequence[NormLead]) -> LeadTable:
        """The table of a list of leads."""
        rows: list[Any] = list(zip(*leads, strict=True)) if leads else [[] for _ in NormLead._fields]
        return cls({name: Column.of(list(texts)) for name, texts in zip(NORM_FIELDS, rows[1:], strict=True)})

    @cached_property
    def names(self) -> Names:
        """Words of the distinct cores and aliases."""
        return Names(self.core_values.values)

    @cached_property
    def is_unplaced(self) -> bool:
        """True when too few rows say where a firm is or its phone: names and sites alone tell firms apart."""
        return not self.is_placed and not self.tells(self.columns["phone"].codes)

    @cached_property
    def is_placed(self) -> bool:
        """True when enough rows say where a firm is."""
        return any(self.tells(self.columns[name].codes) for name in ("city", "zip5"))

    @staticmethod
    def tells(codes: Codes) -> bool:
        """Whether enough rows fill a column for it to tell firms apart."""
        return bool(np.count_nonzero(codes) >= TELLS_FROM * len(codes))

    def take(self, rows: NDArray[Any]) -> LeadTable:
        """Some rows; values that none of them holds stay."""
        return LeadTable(
            {name: Column(column.codes[rows], column.values) for name, column in self.columns.items()}
        )

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def lead(self, row: int, lead_id: str) -> NormLead:
        """One row as a lead."""
        return NormLead(lead_id, *(self.columns[name].text(row) for name in NORM_FIELDS))


def appended(tables: Sequence[LeadTable]) -> LeadTable:
    """The rows of several tables, one after the other."""
    return LeadTable({name: stacked([table[name] for table in tables]) for name in NORM_FIELDS})
