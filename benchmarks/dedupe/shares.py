"""How easy the true pairs of a list are: without it no figure measured on the list can be judged.

Normalisation here is crude on purpose and shared with no matcher: letters and digits, lower case.
"""

from __future__ import annotations

import re

import numpy as np
from rapidfuzz import fuzz

from benchmarks.dedupe.generator import Leads

_NOT_ALNUM = re.compile(r"[\W_]+")
_LEGAL = re.compile(
    r"\b(l ?l ?c|inc(orporated)?|corp(oration)?|co(mpany)?|ltd|limited|p ?c|l ?l ?p|pllc|the)\b"
)
_HOST = re.compile(r"^(https?://)?(www\.)?([^/?]+)", re.IGNORECASE)
SAMPLE = 200_000
"""True pairs looked at, at most."""


def shares(leads: Leads) -> dict[str, float]:
    """Shares of the list's true pairs (0 to 1), and what the list is like.

    Keys: ``rows``, ``true_pairs``, ``duplicated_rows`` (share of rows that are copies), then of true pairs
    those with equal raw name, equal normalised name, equal phone, site and e-mail, with none of these three
    (``no_strong``), and with none, no similar name and no common street or ZIP (``hopeless``: out of reach).
    """
    left, right = true_pairs(leads)
    fields = {name: leads.table[name].to_pylist() for name in leads.table.column_names}
    name = [_plain_name(text) for text in fields["name"]]
    equal = {
        "equal_raw_name": _equal(fields["name"], left, right),
        "equal_name": _equal(name, left, right),
        "equal_phone": _equal([_digits(text) for text in fields["phone"]], left, right),
        "equal_site": _equal([_host(text) for text in fields["website"]], left, right),
        "equal_email": _equal([(text or "").lower() for text in fields["email"]], left, right),
    }
    strong = equal["equal_phone"] | equal["equal_site"] | equal["equal_email"]
    similar = np.array(
        [fuzz.token_set_ratio(name[a], name[b]) >= 75 for a, b in zip(left, right, strict=True)]
    )
    place = _equal([(text or "")[:5] for text in fields["zip"]], left, right)
    place |= _equal([_normal(text) for text in fields["street"]], left, right)
    equal |= {"no_strong": ~strong, "hopeless": ~(strong | similar | place)}
    copies = float((leads.truth["copy"].to_numpy() > 0).mean())
    head = {"rows": len(leads), "true_pairs": len(left), "duplicated_rows": round(copies, 4)}
    return head | {key: round(float(hits.mean()), 4) if len(left) else 0.0 for key, hits in equal.items()}


def true_pairs(leads: Leads) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of pairs of one entity, left before right; entities are small, so this is small."""
    entity = leads.truth["entity"].to_numpy()
    order = np.argsort(entity, kind="stable")
    lefts, rights = [], []
    for distance in range(1, int(np.bincount(entity).max())):
        same = entity[order[:-distance]] == entity[order[distance:]]
        lefts.append(order[:-distance][same])
        rights.append(order[distance:][same])
    left, right = np.concatenate(lefts)[:SAMPLE], np.concatenate(rights)[:SAMPLE]
    return np.minimum(left, right), np.maximum(left, right)


def _equal(values: list[str | None], left: np.ndarray, right: np.ndarray) -> np.ndarray:
    column = np.array(values, dtype=object)
    return np.array(
        [bool(a) and a == b for a, b in zip(column[left], column[right], strict=True)], dtype=bool
    )


def _normal(text: str | None) -> str:
    return _NOT_ALNUM.sub(" ", (text or "").lower()).strip()


def _plain_name(text: str | None) -> str:
    return " ".join(_LEGAL.sub(" ", _normal(text)).split())


def _digits(text: str | None) -> str:
    return re.sub(r"\D", "", text or "").removeprefix("1")[:10]


def _host(text: str | None) -> str:
    match = _HOST.match(text or "")
    return match[3].lower() if match else ""
