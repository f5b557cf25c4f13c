"""How a world of leads looks: shares of hard cases, sources and their habits, rates of corruption.

Every figure is drawn around a published centre from a seed of its own, so that one matcher can be measured
in many different worlds. None of them is fitted to any other data set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.dedupe.vocabulary import VOCABULARIES, Vocabulary

PROFILES: dict[str, float] = {"easy": 0.4, "normal": 0.75, "hard": 1.25}
"""Factor on every rate of corruption and of missing values."""

RATES = {
    # name
    "typo": 0.10, "legal": 0.35, "abbreviate": 0.20, "ampersand": 0.14, "drop_word": 0.07,
    "swap_words": 0.025, "join_words": 0.035, "the": 0.03, "dba": 0.03, "append_city": 0.05, "cut": 0.03,
    "rename": 0.012, "person": 0.004, "plural": 0.05, "initials": 0.008, "entities": 0.006, "mojibake": 0.003,
    # phone
    "other_phone": 0.14, "tracking_phone": 0.02, "wrong_digit": 0.025, "extension": 0.03, "two_phones": 0.008,
    # web, mail
    "other_tld": 0.02, "misspelt_host": 0.015, "platform": 0.05, "other_mailbox": 0.22, "free_mailbox": 0.04,
    # address
    "moved": 0.05, "moved_far": 0.015, "po_box": 0.025, "unit": 0.12, "street_typo": 0.04, "residue": 0.02,
    "city_alias": 0.03, "split_city": 0.015, "city_typo": 0.02, "wrong_zip": 0.02,
    # rows
    "swap_columns": 0.002, "placeholder": 0.01, "other_contact": 0.25,
    # listings, only in some worlds; see MIXED
    "sounded": 0.0, "scanned": 0.0, "clipped": 0.0, "disemvowelled": 0.0, "accented": 0.0, "advertised": 0.0,
    "synonym": 0.0, "parented": 0.0, "numbered": 0.0,
}  # fmt: skip
"""Probability per copy, before profile, style and source."""

MIXED = {
    "sounded": 0.05,
    "scanned": 0.03,
    "clipped": 0.02,
    "disemvowelled": 0.02,
    "accented": 0.03,
    "advertised": 0.05,
    "synonym": 0.12,
    "parented": 0.015,
    "numbered": 0.02,
    "typo": 0.05,
    "abbreviate": 0.08,
    "tracking_phone": 0.05,
}
"""What ``mixed`` worlds have in place of the usual rates."""

MISSING = {
    "phone": 0.07, "website": 0.22, "email": 0.42, "linkedin": 0.72, "contact": 0.45,
    "street": 0.24, "city": 0.09, "state": 0.06, "zip": 0.18,
}  # fmt: skip
"""Probability per row that a source leaves the field empty."""

SHARES = {
    "franchise": 0.04, "branch": 0.06, "sister": 0.03, "homonym": 0.04, "cotenant": 0.04, "answering": 0.015,
    "abroad": 0.004,
}  # fmt: skip
"""Share of entities of each hard kind; the rest are single firms."""

CASES = ("title", "upper", "lower", "as_is", "as_is")
PHONES = ("paren", "dash", "dot", "plain", "plus", "space", "one")
URLS = ("https_www", "http", "bare", "www", "path", "tracking")


@dataclass(frozen=True)
class Source:
    """One origin of rows and its habits: it fails in its own way, row after row.

    Attributes:
        weight: relative share of rows.
        factors: per kind of corruption, how much more often than average.
        missing: per field, probability that it is empty.
        case: how it writes names.
        phone: how it writes phones.
        url: how it writes websites.
        width: longest name; 0 when unlimited.
        long_streets: writes street types and directions in full.
        full_state: writes states in full.
        zip_form: ``five``, ``plus_four`` or ``number`` (leading zeros lost).
    """

    weight: float
    factors: dict[str, float]
    missing: dict[str, float]
    case: str
    phone: str
    url: str
    width: int
    long_streets: bool
    full_state: bool
    zip_form: str


@dataclass(frozen=True)
class Style:
    """One world.

    Attributes:
        name: family and seed.
        vocabulary: what firms are called.
        short: the short forms its sources know.
        rates: probability per copy of each corruption.
        shares: share of entities of each kind.
        copied: share of entities with copies.
        more: probability of a further copy after each; at most 6.
        trade_exponent: how much the commonest trades dominate.
        head_reuse: share of heads drawn from the common lists; the others are coined.
        sources: at least two.
    """

    name: str
    vocabulary: Vocabulary
    short: dict[str, tuple[str, ...]]
    rates: dict[str, float]
    shares: dict[str, float]
    copied: float
    more: float
    trade_exponent: float
    head_reuse: float
    sources: tuple[Source, ...]
    site: float = 0.8
    linkedin: float = 0.4
    company_mail: float = 0.65


def draw_style(name: str = "trades:0", profile: str = "normal") -> Style:
    """The style of a name such as ``commerce:3``: family of words, and the seed of every figure.

    Raises:
        ValueError: unknown family or profile.
    """
    family, _, number = name.partition(":")
    if family not in VOCABULARIES or not number.isdigit():
        raise ValueError(f"a style is one of {', '.join(VOCABULARIES)}, a colon and a number: not {name}")
    if profile not in PROFILES:
        raise ValueError(f"a profile is one of {', '.join(PROFILES)}: not {profile}")
    rng = np.random.default_rng([list(VOCABULARIES).index(family), int(number), 9973])
    intensity = PROFILES[profile]
    vocabulary = VOCABULARIES[family]
    centres = RATES | (MIXED if family == "mixed" else {})
    spread = 0.8 if family == "mixed" else 0.45
    rates = {kind: min(0.9, rate * intensity * rng.lognormal(0, spread)) for kind, rate in centres.items()}
    missing = {
        kind: min(0.95, rate * intensity**0.5 * rng.lognormal(0, 0.3)) for kind, rate in MISSING.items()
    }
    return Style(
        name=name,
        vocabulary=vocabulary,
        short={word: forms for word, forms in vocabulary.short.items() if rng.random() < 0.7},
        rates=rates,
        shares={kind: share * rng.lognormal(0, 0.35) for kind, share in SHARES.items()},
        copied=float(rng.uniform(0.12, 0.3)),
        more=float(rng.uniform(0.2, 0.45)),
        trade_exponent=float(rng.uniform(0.8, 1.3)),
        head_reuse=float(rng.uniform(0.45, 0.8)),
        sources=tuple(_source(rng, missing) for _ in range(rng.integers(4, 9))),
        site=float(rng.uniform(0.65, 0.9)),
        linkedin=float(rng.uniform(0.2, 0.5)),
        company_mail=float(rng.uniform(0.5, 0.8)),
    )


def _source(rng: np.random.Generator, missing: dict[str, float]) -> Source:
    factors = {kind: float(rng.choice([0.2, 0.6, 1.0, 2.2], p=[0.25, 0.25, 0.3, 0.2])) for kind in RATES}
    rich = rng.lognormal(0, 0.5)
    return Source(
        weight=float(rng.lognormal(0, 0.7)),
        factors=factors,
        missing={
            kind: float(min(0.97, rate * rich * rng.choice([0.1, 0.7, 1.2, 2.5])))
            for kind, rate in missing.items()
        },
        case=str(rng.choice(CASES)),
        phone=str(rng.choice(PHONES)),
        url=str(rng.choice(URLS)),
        width=int(rng.choice([0, 0, 0, 40, 30, 24])),
        long_streets=bool(rng.random() < 0.4),
        full_state=bool(rng.random() < 0.2),
        zip_form=str(rng.choice(["five", "five", "plus_four", "number"])),
    )
