"""The firms of a made-up world, before anybody wrote them down."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.dedupe import vocabulary as words
from benchmarks.dedupe.places import Places, us_places
from benchmarks.dedupe.styles import Style
from benchmarks.dedupe.words import Column, coined, column, heavy_tailed, uniform, weighted

Numbers = NDArray[np.int64]
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


@dataclass
class Population:
    """One entry per entity (a firm at one location); every column has the same length.

    Attributes:
        company: account number; branches of one company share it.
        kind: ``single``, ``franchise``, ``branch``, ``sister`` or ``homonym``.
        core: name without legal form.
        legal: legal form, empty for none.
        phone: main number, 10 digits.
        phone2: another number of the same firm.
        host: registrable domain of its site; empty when it has none.
        platform: page on a shared platform, for firms without a site of their own.
        place: index into ``us_places()``.
        abroad: its address is outside the United States, whatever ``place`` says.
    """

    company: Numbers
    kind: Column
    core: Column
    legal: Column
    phone: Column
    phone2: Column
    host: Column
    platform: Column
    email: Column
    linkedin: Column
    first: Column
    last: Column
    place: Numbers
    house: Column
    direction: Column
    road: Column
    road_type: Numbers
    unit: Column
    abroad: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.core)


def populate(rng: np.random.Generator, style: Style, size: int) -> Population:
    """``size`` entities of the style's world."""
    places = us_places()
    group, kind = _groups(rng, style, size)
    first_of_group = np.r_[True, group[1:] != group[:-1]]
    leader = _leader(group, first_of_group)
    shares_name = kind != "sister"
    head, last = _heads(rng, style, size, places)
    place = _locate(rng, places, group, kind, first_of_group)
    head = _city_heads(rng, head, places.city[place])[leader]
    trade = _trades(rng, style, size)
    trade = np.where(shares_name, trade[leader], trade)
    like_sister = ~shares_name & ~first_of_group & (trade == trade[leader])
    trade[like_sister] = uniform(rng, style.vocabulary.trades, int(like_sister.sum())) + " Supply"
    core = _joined(head, trade)
    company = np.where(kind == "branch", group, np.arange(size) + group.max() + 1)
    host = _hosts(rng, style, head, trade, places.state[place])
    shared_site = (kind == "branch") | (kind == "franchise")
    host = np.where(shared_site, host[leader], host)
    population = Population(
        company=company,
        kind=kind,
        core=core,
        legal=weighted(rng, style.vocabulary.legal, size),
        phone=random_phones(rng, places.area_code[place]),
        phone2=_second_phones(rng, places.area_code[place]),
        host=host,
        platform=column([""] * size),
        email=column([""] * size),
        linkedin=column([""] * size),
        first=heavy_tailed(rng, words.FIRST_NAMES, size, 0.6),
        last=last,
        place=place,
        house=_house_numbers(rng, size),
        direction=_optional(rng, [short for _, short in words.DIRECTIONS], size, 0.22),
        road=heavy_tailed(rng, words.STREETS, size, 0.7),
        road_type=rng.integers(0, len(words.STREET_TYPES), size),
        unit=_units(rng, size),
        abroad=rng.random(size) < style.shares["abroad"],
    )
    _legal_of_group(population, group, first_of_group)
    _share_addresses(rng, population, style)
    _share_phones(rng, population, style)
    _add_web(rng, population, style)
    return population


@lru_cache(maxsize=2**18)
def slug(text: str, joiner: str = "") -> str:
    """Letters and digits of a name, lower case."""
    return _NOT_SLUG.sub(joiner, text.lower().replace("&", "and" if joiner else "")).strip(joiner or "-")


def _groups(rng: np.random.Generator, style: Style, size: int) -> tuple[Numbers, Column]:
    """Group number (ascending) and kind of each entity; single firms are groups of one."""
    sizes: list[Numbers] = []
    kinds: list[str] = []
    for kind, low, high in (("franchise", 3, 60), ("branch", 2, 9), ("sister", 2, 3), ("homonym", 2, 4)):
        wanted = int(style.shares[kind] * size)
        drawn = np.minimum(low + (rng.pareto(1.3, wanted + 1)).astype(np.int64), high)
        count = int(np.searchsorted(np.cumsum(drawn), wanted, side="right"))
        sizes.append(drawn[:count])
        kinds += [kind] * count
    grouped = int(sum(part.sum() for part in sizes))
    sizes.append(np.ones(size - grouped, dtype=np.int64))
    kinds += ["single"] * (size - grouped)
    counts = np.concatenate(sizes)
    return np.repeat(np.arange(len(counts)), counts), np.repeat(column(kinds), counts)


def _leader(group: Numbers, first_of_group: NDArray[np.bool_]) -> Numbers:
    """Index of the first entity of each entity's group."""
    return np.flatnonzero(first_of_group)[np.searchsorted(group[first_of_group], group)]


def _heads(rng: np.random.Generator, style: Style, size: int, places: Places) -> tuple[Column, Column]:
    """Distinguishing words of each name, and its owner's surname (often the same)."""
    new_names = coined(rng, words.SURNAMES, max(200, size // 8))
    common = heavy_tailed(rng, words.SURNAMES, size, 0.8, 10)
    surname = np.where(rng.random(size) < style.head_reuse, common, uniform(rng, new_names, size))
    invented = coined(rng, words.HEADS, max(200, size // 10))
    word = heavy_tailed(rng, words.HEADS, size, 0.7, 5)
    word = np.where(rng.random(size) < style.head_reuse, word, uniform(rng, invented, size))
    second = uniform(rng, words.SECOND_HEADS, size)
    first = heavy_tailed(rng, words.FIRST_NAMES, size, 0.5)
    nick = heavy_tailed(rng, words.NICKNAMES, size, 0.5)
    other = heavy_tailed(rng, words.SURNAMES, size, 0.8, 10)
    letters = rng.integers(0, 26, (size, 3))
    letter = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), dtype=object)[letters]
    patterns = (
        (0.26, surname),
        (0.05, surname + " & Sons"),
        (0.03, surname + " Brothers"),
        (0.04, surname + " & " + other),
        (0.05, first + " " + surname),
        (0.05, nick + "'s"),
        (0.22, word),
        (0.12, word + " " + second),
        (0.04, letter[:, 0] + " & " + letter[:, 1]),
        (0.05, letter[:, 0] + letter[:, 1] + letter[:, 2]),
        (0.04, column(["*"] * size)),
        (0.05, word + " " + surname),
    )
    choice = np.searchsorted(np.cumsum([share for share, _ in patterns]), rng.random(size))
    stacked = np.stack([head for _, head in patterns])
    return stacked[np.minimum(choice, len(patterns) - 1), np.arange(size)], surname


def _city_heads(rng: np.random.Generator, head: Column, city: Column) -> Column:
    """Names after the firm's town, some with a word that towns share."""
    ending = weighted(rng, (("", 0.6), (" Area", 0.1), (" County", 0.15), (" Valley", 0.15)), len(head))
    return np.where(head == "*", city + ending, head)


def _trades(rng: np.random.Generator, style: Style, size: int) -> Column:
    """Words after the head: one or two trades and perhaps a tail, all heavy-tailed."""
    vocabulary = style.vocabulary
    trade = heavy_tailed(rng, vocabulary.trades, size, style.trade_exponent)
    second = heavy_tailed(rng, vocabulary.trades, size, style.trade_exponent)
    tail = heavy_tailed(rng, vocabulary.tails, size, 0.9)
    simple = np.array(["&" not in text for text in trade]) & np.array(["&" not in text for text in second])
    two = (rng.random(size) < 0.12) & simple & (trade != second)
    trade = np.where(two, trade + " & " + second, trade)
    with_tail = rng.random(size) < 0.45
    trade = np.where(with_tail, trade + " " + tail, trade)
    return np.where(rng.random(size) < 0.08, np.where(with_tail, tail, ""), trade)


def _joined(head: Column, trade: Column) -> Column:
    return np.where(trade == "", head, head + " " + trade)


def _locate(
    rng: np.random.Generator, places: Places, group: Numbers, kind: Column, first_of_group: NDArray[np.bool_]
) -> Numbers:
    """A place per entity: towns are of very unequal size, branches stay in the state, sisters in the town."""
    size = len(group)
    weight = rng.lognormal(0, 1.0, len(places))
    cumulated = np.cumsum(weight)
    place = np.searchsorted(cumulated, rng.random(size) * cumulated[-1]).astype(np.int64)
    leader = place[_leader(group, first_of_group)]
    near = rng.integers(places.state_start[leader], places.state_end[leader])
    stay = (kind == "branch") & ~first_of_group & (rng.random(size) < 0.75)
    place = np.where(stay, near, place)
    return np.where(kind == "sister", leader, place)


def _hosts(rng: np.random.Generator, style: Style, head: Column, trade: Column, state: Column) -> Column:
    """One registrable domain per entity, distinct; empty where the firm has no site."""
    tld = weighted(
        rng, ((".com", 0.87), (".net", 0.05), (".org", 0.02), (".us", 0.03), (".biz", 0.03)), len(head)
    )
    form = rng.choice(5, len(head), p=[0.4, 0.25, 0.15, 0.1, 0.1])
    has_site = rng.random(len(head)) < style.site
    hosts = []
    taken: set[str] = set()
    for index in range(len(head)):
        if not has_site[index]:
            hosts.append("")
            continue
        stem = _stem(form[index], head[index], trade[index], state[index])
        host = stem + tld[index]
        number = 1
        while host in taken:
            number += 1
            place = state[index].lower() if number == 2 else f"{state[index].lower()}{number}"
            host = f"{stem}{place}{tld[index]}"
        taken.add(host)
        hosts.append(host)
    return column(hosts)


def _stem(form: int, head: str, trade: str, state: str) -> str:
    start = slug(head)
    spoken = trade.split()
    if form == 0 or not spoken:
        return start + slug(trade)
    if form == 1:
        return start + slug(spoken[0])
    if form == 2:
        return f"{start}-{slug(spoken[0])}"
    if form == 3:
        return start + "".join(word[0].lower() for word in spoken if word[0].isalpha())
    return start + state.lower()


def random_phones(rng: np.random.Generator, area_code: Column) -> Column:
    """Ten-digit numbers in the given area codes."""
    exchange = rng.integers(200, 1000, len(area_code))
    line = rng.integers(0, 10_000, len(area_code))
    return column([f"{code}{a}{b:04d}" for code, a, b in zip(area_code, exchange, line, strict=True)])


def _second_phones(rng: np.random.Generator, area_code: Column) -> Column:
    toll_free = uniform(rng, ("800", "888", "877", "866", "855", "844"), len(area_code))
    return random_phones(rng, np.where(rng.random(len(area_code)) < 0.3, toll_free, area_code))


def _house_numbers(rng: np.random.Generator, size: int) -> Column:
    return column([str(number) for number in np.ceil(10 ** rng.uniform(0.5, 4.2, size)).astype(int)])


def _optional(rng: np.random.Generator, choices: list[str], size: int, share: float) -> Column:
    return np.where(rng.random(size) < share, uniform(rng, choices, size), "")


def _units(rng: np.random.Generator, size: int) -> Column:
    number = column([str(value) for value in rng.integers(1, 400, size)])
    kind = uniform(rng, ("Suite ", "Ste ", "Unit ", "#"), size)
    return np.where(rng.random(size) < 0.2, kind + number, "")


def _legal_of_group(population: Population, group: Numbers, first_of_group: NDArray[np.bool_]) -> None:
    """Branches are one legal person; franchisees' lists show the brand without one."""
    leader = _leader(group, first_of_group)
    population.legal = np.where(population.kind == "branch", population.legal[leader], population.legal)
    population.legal = np.where(population.kind == "franchise", "", population.legal)


def _share_addresses(rng: np.random.Generator, population: Population, style: Style) -> None:
    """Put some firms into other firms' buildings, in another unit or in none."""
    size = len(population)
    guests = rng.choice(size, int(style.shares["cotenant"] * size), replace=False)
    hosts = rng.integers(0, size, len(guests))
    guests, hosts = guests[guests != hosts], hosts[guests != hosts]
    movable = np.isin(population.kind[guests], ("single", "homonym"))
    guests, hosts = guests[movable], hosts[movable]
    for name in ("place", "house", "direction", "road", "road_type"):
        values = getattr(population, name).copy()
        values[guests] = values[hosts]
        setattr(population, name, values)


def _share_phones(rng: np.random.Generator, population: Population, style: Style) -> None:
    """Answering services: one number for unrelated firms; some sisters share their owner's number."""
    size = len(population)
    count = int(style.shares["answering"] * size)
    clients = rng.choice(size, count, replace=False)
    services = population.phone[rng.integers(0, size, max(1, count // 8))]
    population.phone[clients] = uniform(rng, services, count)


def _add_web(rng: np.random.Generator, population: Population, style: Style) -> None:
    """Mailboxes, LinkedIn pages, and platform pages of firms without a site."""
    size = len(population)
    role = heavy_tailed(rng, style.vocabulary.roles, size, 1.2)
    first = np.char.lower(population.first.astype(str)).astype(object)
    last = column([slug(name) for name in population.last])
    person = np.where(rng.random(size) < 0.6, first, column([name[0] for name in first]) + last)
    own = np.where(rng.random(size) < 0.5, role, person) + "@" + population.host
    digits = column([str(number) for number in rng.integers(1, 9999, size)])
    core = column([slug(name)[:22] for name in population.core])
    free_local = np.where(rng.random(size) < 0.5, core, first + last) + np.where(
        rng.random(size) < 0.6, digits, ""
    )
    free = free_local + "@" + heavy_tailed(rng, words.FREE_MAIL, size, 1.0)
    has_own = (population.host != "") & (rng.random(size) < style.company_mail)
    population.email = np.where(has_own, own, free)
    number = np.where(rng.random(size) < 0.2, "-" + digits, "")
    pages = column([slug(name, "-") for name in population.core]) + number
    population.linkedin = np.where(rng.random(size) < style.linkedin, pages, "")
    on_platform = (population.host == "") & (rng.random(size) < 0.35)
    population.platform = np.where(on_platform, platform_pages(rng, population.core, digits), "")


def platform_pages(rng: np.random.Generator, core: Column, digits: Column) -> Column:
    """A page per firm on a site that thousands share."""
    pages = heavy_tailed(rng, words.PLATFORMS, len(core), 1.0)
    return column(
        [page.format(slug=slug(name, "-") + end) for page, name, end in zip(pages, core, digits, strict=True)]
    )
