"""The market a lead competes in, computed from the list itself: territories, rivals, peers.

Companies are counted by kind: all companies alike in territory, brands, trades and score are one entry
with a count. A market of a million companies has some thousands of kinds, so every figure is cheap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from statistics import median
from typing import Any, Literal

from sales_agent_dagster.domain.oems import CATEGORIES
from sales_agent_dagster.domain.trades import TRADES

UNKNOWN = "unknown"
"""Territory of companies whose place is not known."""

MIN_TERRITORY = 3
"""A territory with fewer companies says nothing; comparisons then use the whole list."""

MIN_PEERS = 5
"""A group of fewer peers shows no gap."""

GAP_SHARE = 0.25
"""What at least this share of the peers has, and the company has not, is a gap."""

CAPABILITIES: tuple[str, ...] = tuple(dict.fromkeys((*TRADES, *CATEGORIES)))
"""Trades and equipment categories, in the order gaps are listed."""

Scope = Literal["territory", "list"]
Basis = Literal["territory", "brand"]


@dataclass(frozen=True, slots=True)
class Company:
    """What the market knows of one company; equal companies are one kind.

    Attributes:
        territory: two-letter state, or ``UNKNOWN``.
        score: qualification score, 0-100; None when it was not scored.
        brands, trades: names, each once.
        capabilities: trades and the categories of the brands.
    """

    territory: str
    score: float | None
    brands: tuple[str, ...]
    trades: tuple[str, ...]
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class Gap:
    """A capability that ``have`` of ``peers`` companies show and this one does not.

    Attributes:
        basis: whether the peers are the companies of its territory or those with the same main brand.
        group: that territory or brand.
    """

    capability: str
    have: int
    peers: int
    basis: Basis
    group: str

    @property
    def share(self) -> float:
        """Share of the peers that have it, 0-1."""
        return self.have / self.peers


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything the analysis of one company may cite. Counts of others leave the company itself out.

    Attributes:
        scope: what shares and ranks refer to: the territory, or the whole list when the territory is
            unknown or has fewer than ``MIN_TERRITORY`` companies.
        scope_leads: companies in scope, itself included.
        territory_leads: companies in the territory, itself included; None when it is unknown.
        territory_density: ``territory_leads`` over the median of all known territories.
        same_oem_competitors: others in the territory with one of its brands; None when either is unknown.
        same_trade_competitors: the same for trades.
        other_brand_share: share of the others in scope that carry none of its brands.
        score_percentile: share of the scored companies in scope, itself included, that score lower or
            equal: 1 for the best, ties count as beaten.
        rivals: others in scope with one of its brands or trades.
        rivals_below, rivals_level: how many of them score lower, and the same.
        fewer_brands_share: share of the others in scope that carry fewer brands.
        main_brand: the one of its brands that most companies of the list carry.
        gap_peers: peers of the largest group looked at for gaps; None when no group has ``MIN_PEERS`` or
            nothing is known of the company's own capabilities.
    """

    territory: str
    scope: Scope
    list_leads: int
    scope_leads: int
    territory_leads: int | None
    median_territory_leads: float | None
    territory_density: float | None
    same_oem_competitors: int | None
    same_trade_competitors: int | None
    other_brand_share: float | None
    score_percentile: float | None
    rivals: int
    rivals_below: int
    rivals_level: int
    brand_count: int
    fewer_brands_share: float | None
    main_brand: str | None
    gap_peers: int | None
    gaps: tuple[Gap, ...]


class _Scores:
    """Scores with their counts, sorted once, for ranks by bisection."""

    def __init__(self, counts: Counter[float]) -> None:
        self.values = sorted(counts)
        self.below = [0, *accumulate(counts[value] for value in self.values)]

    def lower(self, score: float) -> int:
        return self.below[bisect_left(self.values, score)]

    def lower_or_equal(self, score: float) -> int:
        return self.below[bisect_right(self.values, score)]

    @property
    def total(self) -> int:
        return self.below[-1]


class _Mix:
    """Companies alike in brands and trades."""

    def __init__(self, company: Company) -> None:
        self.brands = frozenset(company.brands)
        self.trades = frozenset(company.trades)
        self.size = 0
        self.scores: Counter[float] = Counter()


class _Group:
    """Companies to compare with. Answers are kept: many companies ask the same question."""

    def __init__(self, kinds: Iterable[tuple[Company, int]]) -> None:
        self.size = 0
        self.capabilities: Counter[str] = Counter()
        scores: Counter[float] = Counter()
        brand_counts: Counter[float] = Counter()
        mixes: dict[tuple[tuple[str, ...], tuple[str, ...]], _Mix] = {}
        for kind, count in kinds:
            self.size += count
            brand_counts[len(kind.brands)] += count
            for capability in kind.capabilities:
                self.capabilities[capability] += count
            key = (kind.brands, kind.trades)
            mix = mixes.get(key) or mixes.setdefault(key, _Mix(kind))
            mix.size += count
            if kind.score is not None:
                scores[kind.score] += count
                mix.scores[kind.score] += count
        self.scores = _Scores(scores)
        self.brand_counts = _Scores(brand_counts)
        self._mixes = list(mixes.values())
        self._with_brand: dict[tuple[str, ...], int] = {}
        self._with_trade: dict[tuple[str, ...], int] = {}
        self._rivals: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[int, _Scores]] = {}

    def with_brand(self, brands: tuple[str, ...]) -> int:
        """Companies that carry one of the brands."""
        if brands not in self._with_brand:
            self._with_brand[brands] = sum(
                mix.size for mix in self._mixes if not mix.brands.isdisjoint(brands)
            )
        return self._with_brand[brands]

    def with_trade(self, trades: tuple[str, ...]) -> int:
        """Companies in one of the trades."""
        if trades not in self._with_trade:
            self._with_trade[trades] = sum(
                mix.size for mix in self._mixes if not mix.trades.isdisjoint(trades)
            )
        return self._with_trade[trades]

    def rivals(self, company: Company) -> tuple[int, _Scores]:
        """Companies with one of its brands or trades, itself included: how many, and their scores."""
        key = (company.brands, company.trades)
        if key not in self._rivals:
            total, scores = 0, Counter[float]()
            for mix in self._mixes:
                if mix.brands.isdisjoint(company.brands) and mix.trades.isdisjoint(company.trades):
                    continue
                total += mix.size
                for score, count in mix.scores.items():
                    scores[score] += count
            self._rivals[key] = total, _Scores(scores)
        return self._rivals[key]


class Market:
    """A population of companies and the figures of each of them.

    Args:
        kinds: companies with the number of times each occurs; the same kind may come more than once.
    """

    def __init__(self, kinds: Iterable[tuple[Company, int]]) -> None:
        counts: Counter[Company] = Counter()
        for kind, count in kinds:
            counts[kind] += count
        by_territory: dict[str, list[tuple[Company, int]]] = {}
        carriers: Counter[str] = Counter()
        for kind, count in counts.items():
            by_territory.setdefault(kind.territory, []).append((kind, count))
            for brand in kind.brands:
                carriers[brand] += count
        self._kinds = counts
        self._all = _Group(counts.items())
        self._territories = {name: _Group(found) for name, found in by_territory.items()}
        self._carriers = carriers
        self._by_main_brand: dict[str, _Group] = {}
        self._gaps: dict[tuple[str, str | None, frozenset[str]], tuple[Gap, ...]] = {}
        sizes = [group.size for name, group in self._territories.items() if name != UNKNOWN]
        self._median = float(median(sizes)) if sizes else None

    @property
    def size(self) -> int:
        """Companies in the market."""
        return self._all.size

    def main_brand(self, company: Company) -> str | None:
        """The brand of it that most companies carry; the first by name among equals."""
        if not company.brands:
            return None
        return min(company.brands, key=lambda brand: (-self._carriers[brand], brand))

    def figures(self, company: Company) -> Figures:
        """The figures of a company that is itself part of the market."""
        home = None if company.territory == UNKNOWN else self._territories[company.territory]
        scope = home if home and home.size >= MIN_TERRITORY else self._all
        return Figures(
            territory=company.territory,
            scope="territory" if scope is home else "list",
            list_leads=self.size,
            scope_leads=scope.size,
            median_territory_leads=self._median,
            main_brand=self.main_brand(company),
            gap_peers=max((group.size - 1 for _, _, group in self._peer_groups(company)), default=None),
            gaps=self.gaps(company),
            **self._place(company, home),
            **_brand_standing(company, scope),
            **_score_standing(company, scope),
        )

    def _place(self, company: Company, home: _Group | None) -> dict[str, Any]:
        brands, trades = company.brands, company.trades
        return {
            "territory_leads": home.size if home else None,
            "territory_density": round(home.size / self._median, 2) if home and self._median else None,
            "same_oem_competitors": home.with_brand(brands) - 1 if home and brands else None,
            "same_trade_competitors": home.with_trade(trades) - 1 if home and trades else None,
        }

    def gaps(self, company: Company) -> tuple[Gap, ...]:
        """Capabilities it lacks, widest spread among peers first."""
        key = (company.territory, self.main_brand(company), company.capabilities)
        if key not in self._gaps:
            self._gaps[key] = self._find_gaps(company)
        return self._gaps[key]

    def _find_gaps(self, company: Company) -> tuple[Gap, ...]:
        found: dict[str, Gap] = {}
        for basis, name, group in self._peer_groups(company):
            for capability in CAPABILITIES:
                gap = Gap(capability, group.capabilities[capability], group.size - 1, basis, name)
                if capability not in company.capabilities and gap.share >= GAP_SHARE:
                    found.setdefault(capability, gap)
        return tuple(sorted(found.values(), key=lambda gap: (-gap.share, CAPABILITIES.index(gap.capability))))

    def _peer_groups(self, company: Company) -> list[tuple[Basis, str, _Group]]:
        """Those worth comparing with, its territory first; none when nothing is known of the company."""
        if not company.capabilities:
            return []
        groups: list[tuple[Basis, str, _Group]] = []
        if company.territory != UNKNOWN:
            groups.append(("territory", company.territory, self._territories[company.territory]))
        brand = self.main_brand(company)
        if brand:
            groups.append(("brand", brand, self._carriers_of(brand)))
        return [group for group in groups if group[2].size > MIN_PEERS]

    def _carriers_of(self, brand: str) -> _Group:
        if brand not in self._by_main_brand:
            self._by_main_brand[brand] = _Group(
                (kind, count) for kind, count in self._kinds.items() if self.main_brand(kind) == brand
            )
        return self._by_main_brand[brand]


def _brand_standing(company: Company, scope: _Group) -> dict[str, Any]:
    brands, others = company.brands, scope.size - 1
    return {
        "brand_count": len(brands),
        "other_brand_share": _share(scope.size - scope.with_brand(brands), others) if brands else None,
        "fewer_brands_share": _share(scope.brand_counts.lower(len(brands)), others) if brands else None,
    }


def _score_standing(company: Company, scope: _Group) -> dict[str, Any]:
    itself = 1 if company.brands or company.trades else 0
    total, scores = scope.rivals(company)
    if company.score is None:
        return {"score_percentile": None, "rivals": total - itself, "rivals_below": 0, "rivals_level": 0}
    below, up_to = scores.lower(company.score), scores.lower_or_equal(company.score)
    return {
        "score_percentile": _share(scope.scores.lower_or_equal(company.score), scope.scores.total),
        "rivals": total - itself,
        "rivals_below": below,
        "rivals_level": up_to - below - itself,
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole > 0 else None
