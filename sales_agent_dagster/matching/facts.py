"""What a table says about its single values: how many leads hold one, and how many different firms."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.domain.shared_hosts import FREE_MAIL, is_free_mail
from sales_agent_dagster.domain.values.phone import TOLL_FREE
from sales_agent_dagster.matching.arrays import distinct, numbered
from sales_agent_dagster.matching.counts import address_values, city_values
from sales_agent_dagster.matching.table import Codes, Column, LeadTable, stacked, words_array

PLATFORM_FROM = 8
"""Different firms on one host from which its pages, not the host, tell firms apart."""
CHAIN_FROM = 5
"""Towns in which firms of one name share a phone or person from which these are a chain's, not a place's."""
ADDRESSES_FROM = 3
"""The same of towns, ZIPs and streets alike: a firm that moved has two, and its town's spellings one ZIP."""
SPELLINGS = 3
"""Ways in which the copies of one firm may give its town."""

_NO_FIRMS = FREE_MAIL | {""}

Numbers = NDArray[np.int32]
Known = Callable[[str, pa.StringArray, Numbers], Numbers]
"""Name of a figure (``token``, ``name_spread``, ``phone_spread``, ``host_spread``, ``email_spread``,
``street_spread``, ``city``, ``zip``, ``contact``), values and what a table says, to what is known of them."""


class Facts:
    """Counts and spreads of a table's values.

    The *spread* of a value is the number of different firms or places that seem to hold it: 1 for a value
    that identifies its firm. It is the smaller of two counts of distinct values beside it, so that the
    variations of one firm's copies do not add up: a name with two phones in one city has spread 1. Where a
    chain's branches share all but the place, their many towns speak for themselves.

    Args:
        known: what a larger table knows; see ``Known``.
        firms: per row the number, from 1, of the firm that it seems to belong to: words and names are then
            counted per firm, not per row.
    """

    def __init__(
        self,
        table: LeadTable,
        population: int,
        known: Known | None = None,
        firms: Numbers | None = None,
    ) -> None:
        self.table = table
        self.population = max(population, 2)
        self._known, self._firms = known, firms
        self._chains: dict[str, NDArray[np.bool_]] = {}

    def _better(self, kind: str, values: pa.StringArray, own: Numbers) -> Numbers:
        return own if self._known is None else self._known(kind, values, own)

    @cached_property
    def head(self) -> Codes:
        """Per row the telling word of the name; its whole name when it has none; 0 is unknown."""
        names = self.table.names
        head = names.head[self.table.core].astype(np.int64)
        fallback = self.table.core + len(names.tokens)
        return np.where(self.table.core == 0, 0, np.where(head >= 0, head + 1, fallback + 1)).astype(np.int32)

    @cached_property
    def token_count(self) -> Numbers:
        """Per word the leads whose name holds it."""
        names = self.table.names
        if self._firms is not None:
            ids = names.ids[self.table.core]
            firms = np.repeat(self._firms, (ids >= 0).sum(axis=1))
            held: Numbers = _distinct(ids[ids >= 0] + 1, firms, len(names.tokens) + 1)[1:]
            return held
        per_name = np.bincount(self.table.core, minlength=len(names.ids))
        ids = names.ids
        weights = np.repeat(per_name, (ids >= 0).sum(axis=1))
        own = np.bincount(ids[ids >= 0], weights, minlength=len(names.tokens)).astype(np.int32)
        return self._better("token", names.tokens, own)

    @cached_property
    def name_spread(self) -> Numbers:
        """Per distinct name the places that hold it."""
        own = self._places(self.table.core, len(self.table.core_values.values))
        return self._better("name_spread", self.table.core_values.values, own)

    @cached_property
    def phone_spread(self) -> Numbers:
        """Per distinct phone the firms that hold it."""
        column = self.phones
        rows = np.tile(np.arange(self.table.size), 2)
        heads, cities = self.head[rows], self.table["city"].codes[rows]
        hosts = self.table["host"].codes[rows]
        size = len(column.values)
        own = _distinct(column.codes, heads, size)
        beside = [_distinct(column.codes, others, size) for others in (cities, hosts) if self._tells(others)]
        if beside:
            own = np.minimum(own, np.maximum.reduce(beside))
        own = np.maximum(own, self._towns("phone") // SPELLINGS)
        return self._better("phone_spread", column.values, np.maximum(own, 1))

    @cached_property
    def phones(self) -> Column:
        """Main numbers of all rows, then their second numbers."""
        return stacked([self.table["phone"], self.table["phone_2"]])

    @cached_property
    def phone_areas(self) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Number of each distinct phone's area code, and whether it is toll-free."""
        areas = pc.utf8_slice_codeunits(self.phones.values, 0, 3)
        free = np.asarray(pc.is_in(areas, pa.array(sorted(TOLL_FREE))))
        return areas.dictionary_encode().indices.to_numpy(), free

    @cached_property
    def host_spread(self) -> Numbers:
        """Per distinct host the places that hold it."""
        column = self.table["host"]
        own = self._places(column.codes, len(column.values))
        return self._better("host_spread", column.values, own)

    @cached_property
    def web(self) -> Column:
        """What identifies each row's firm on the web: its host, or its page where firms share the host."""
        host, page = self.table["host"], self.table["page"]
        both = stacked([host, page])
        own, paged = both.codes[: self.table.size], both.codes[self.table.size :]
        shared = self.host_spread[host.codes] >= PLATFORM_FROM
        return Column(np.where((own == 0) | (shared & (paged > 0)), paged, own), both.values)

    @cached_property
    def web_stems(self) -> pa.StringArray:
        """Each distinct value of ``web`` without its top-level domain."""
        return pc.replace_substring_regex(self.web.values, r"^([^/]+)\.[^./]+$", r"\1")

    @cached_property
    def web_spread(self) -> Numbers:
        """Per distinct value of ``web`` the places that hold it."""
        own = self._places(self.web.codes, len(self.web.values))
        return self._better("host_spread", self.web.values, own)

    @cached_property
    def email_domains(self) -> Codes:
        """Number of each distinct address's domain; 0 for free mail."""
        domains = pc.replace_substring_regex(self.table["email"].values, "^.*@", "").dictionary_encode()
        numbers = domains.indices.to_numpy()
        return np.where(_firms_own(domains.dictionary)[numbers], numbers + 1, 0).astype(np.int32)

    @cached_property
    def email_spread(self) -> Numbers:
        """Per distinct address the firms that hold it."""
        column = self.table["email"]
        own = self._spread(column.codes, len(column.values), self.head, self.table["city"].codes)
        own = np.maximum(own, self._towns("email") // SPELLINGS)
        return self._better("email_spread", column.values, own)

    @cached_property
    def boxes(self) -> NDArray[np.bool_]:
        """Per distinct house number whether it is a post office box."""
        found: NDArray[np.bool_] = np.asarray(pc.starts_with(self.table["street_no"].values, "po "))
        return found

    @cached_property
    def zip_areas(self) -> NDArray[Any]:
        """Number of each distinct ZIP's first three digits."""
        cut = pc.utf8_slice_codeunits(self.table["zip5"].values, 0, 3).dictionary_encode()
        numbers: NDArray[Any] = cut.indices.to_numpy()
        return numbers

    @cached_property
    def address(self) -> Codes:
        """Per row the number of its street address within its region; 0 is unknown."""
        street = _joined(self.table["street_no"].codes, self.table["street"].codes)
        zip_code = self.table["zip5"]
        regions = Column.of(pc.utf8_slice_codeunits(zip_code.values, 0, 3))
        region = np.where(zip_code.codes > 0, regions.codes[zip_code.codes], -self.table["state"].codes)
        joined = _joined(street, region - region.min(initial=0) + 1)
        joined[(street == 0) | (self.table["street"].codes == 0)] = 0
        return joined

    @cached_property
    def address_spread(self) -> Numbers:
        """Per distinct address the firms there."""
        size = int(self.address.max(initial=0)) + 1
        own = self._spread(self.address, size, self.head, self.table["phone"].codes)
        return self._better_by_row("street_spread", self.address, own, address_values)

    @cached_property
    def city(self) -> Codes:
        """Per row the number of its city and state; 0 is unknown."""
        return _joined(self.table["city"].codes, self.table["state"].codes)

    @cached_property
    def city_count(self) -> Numbers:
        """Per distinct city the leads there."""
        own = np.bincount(self.city, minlength=1).astype(np.int32)
        return self._better_by_row("city", self.city, own, city_values)

    def _better_by_row(
        self,
        kind: str,
        codes: Codes,
        own: Numbers,
        values: Callable[[LeadTable, NDArray[Any]], pa.StringArray],
    ) -> Numbers:
        if self._known is None:
            return own
        numbers, rows = np.unique(codes, return_index=True)
        better = own.copy()
        better[numbers] = self._known(kind, values(self.table, rows), own[numbers])
        return better

    @cached_property
    def zip_count(self) -> Numbers:
        """Per distinct ZIP the leads there."""
        column = self.table["zip5"]
        return self._better("zip", column.values, column.counts)

    @cached_property
    def contact_count(self) -> Numbers:
        """Per distinct person the leads that name it."""
        column = self.table["contact"]
        return self._better("contact", column.values, column.counts)

    def of_chains(self, kind: str) -> NDArray[np.bool_]:
        """Per row of a field, or of ``phones``, whether firms of its name have its value in many towns."""
        if kind not in self._chains:
            codes = self.phones.codes if kind == "phone" else self.table[kind].codes
            rows = np.arange(len(codes)) % self.table.size
            value = _joined(codes, self.head[rows])
            city, zip_code = self.table["city"].codes, self.table["zip5"].codes
            parts = [city, self.address, *([zip_code] if self.table.tells(zip_code) else ())]
            counts = [_distinct(value, part[rows], int(value.max(initial=0)) + 1) for part in parts]
            found = (counts[0] >= CHAIN_FROM) | (np.minimum.reduce(counts) >= ADDRESSES_FROM)
            self._chains[kind] = found[value]
        return self._chains[kind]

    def _towns(self, kind: str) -> Numbers:
        """Per distinct value of a field the towns that are given with it."""
        column, cities = self.table[kind], self.table["city"].codes
        if kind == "phone":
            column, cities = self.phones, np.tile(cities, 2)
        return _distinct(column.codes, cities, len(column.values))

    def _places(self, codes: Codes, size: int) -> Numbers:
        """The places that seem to hold each value: by phones alone half of them, as firms have several."""
        phone, city = self.table["phone"].codes, self.table["city"].codes
        if self._firms is not None:
            return self._spread(codes, size, phone, city)
        if self._tells(city) or not self._tells(phone):
            towns = _distinct(codes, city, size) // SPELLINGS
            return np.maximum(self._spread(codes, size, phone, city), towns)
        found: Numbers = np.maximum((_distinct(codes, phone, size) + 1) // 2, 1)
        return found

    def _spread(self, codes: Codes, size: int, *beside: Codes) -> Numbers:
        """The least number of distinct values beside, over the columns that tell; else the firms or rows."""
        if self._firms is not None:
            beside = (*beside, self._firms)
        found = [_distinct(codes, others, size) for others in beside if self._tells(others)]
        if not found:
            return np.maximum(np.bincount(codes, minlength=size), 1).astype(np.int32)
        least: Numbers = np.maximum(np.minimum.reduce(found), 1)
        return least

    def _tells(self, codes: Codes) -> bool:
        return self._known is not None or self.table.tells(codes)


def _firms_own(domains: pa.StringArray) -> NDArray[np.bool_]:
    """Per domain whether one firm has it: not the empty one, nor one of free mail or below it."""
    own = np.asarray(pc.invert(pc.is_in(domains, words_array(_NO_FIRMS)))).copy()
    # Most have one dot: nothing that could be a provider's stands above them.
    for number in np.flatnonzero(own & np.asarray(pc.greater(pc.count_substring(domains, "."), 1))).tolist():
        own[number] = not is_free_mail(str(domains[number]))
    return own


def _distinct(codes: Codes, others: Codes, size: int) -> Numbers:
    """Per value of ``codes`` the number of distinct known values of ``others`` beside it."""
    known = (codes > 0) & (others > 0)
    pairs = distinct(codes[known].astype(np.int64) << 32 | others[known])
    return np.bincount(pairs >> 32, minlength=size).astype(np.int32)


def _joined(first: NDArray[Any], second: NDArray[Any]) -> Codes:
    """Per row the number of its combination; 0 where ``first`` is unknown."""
    combined = first.astype(np.int64) << 32 | second
    return np.where(first == 0, 0, numbered(combined) + 1).astype(np.int32)
