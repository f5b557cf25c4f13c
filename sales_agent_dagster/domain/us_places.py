"""US states, territories, ZIP codes and their cities.

States are USPS Publication 28, appendix B, without the military ones; abbreviations are those of the AP
Stylebook and older usage. ZIP data is the ``zipcodes`` package's, loaded by ZIP prefix and by state as asked.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_NAMES = """
AL Alabama|Ala
AK Alaska
AZ Arizona|Ariz
AR Arkansas|Ark
CA California|Calif|Cal
CO Colorado|Colo
CT Connecticut|Conn
DE Delaware|Del
DC District of Columbia|Washington DC
FL Florida|Fla
GA Georgia
HI Hawaii
ID Idaho
IL Illinois|Ill
IN Indiana|Ind
IA Iowa
KS Kansas|Kans|Kan
KY Kentucky
LA Louisiana
ME Maine
MD Maryland
MA Massachusetts|Mass
MI Michigan|Mich
MN Minnesota|Minn
MS Mississippi|Miss
MO Missouri
MT Montana|Mont
NE Nebraska|Nebr|Neb
NV Nevada|Nev
NH New Hampshire
NJ New Jersey
NM New Mexico
NY New York
NC North Carolina|N Carolina|N Car
ND North Dakota|N Dakota|N Dak
OH Ohio
OK Oklahoma|Okla
OR Oregon|Ore
PA Pennsylvania|Penna|Penn
RI Rhode Island
SC South Carolina|S Carolina|S Car
SD South Dakota|S Dakota|S Dak
TN Tennessee|Tenn
TX Texas|Tex
UT Utah
VT Vermont
VA Virginia
WA Washington|Wash|Washington State
WV West Virginia|W Virginia|W Va
WI Wisconsin|Wisc|Wis
WY Wyoming|Wyo
AS American Samoa
GU Guam
MP Northern Mariana Islands|Northern Marianas
PR Puerto Rico
VI Virgin Islands|US Virgin Islands
"""
_LETTERS = re.compile(r"[^a-z]+")
STATE_NAMES: dict[str, str] = {}
"""Two-letter code to full name."""
_CODES: dict[str, str] = {}

for _line in _NAMES.split("\n")[1:-1]:
    _code, _, _spellings = _line.partition(" ")
    STATE_NAMES[_code] = _spellings.partition("|")[0]
    _CODES |= {_LETTERS.sub("", spelling.lower()): _code for spelling in _spellings.split("|")}

STATES = frozenset(STATE_NAMES)
"""Codes of the 50 states, DC and five territories."""


class ZipPlace(NamedTuple):
    """One ZIP code's place.

    Attributes:
        city: the USPS's preferred city name.
        other_cities: further names in use there, accepted by the USPS or not.
        timezone: IANA name, or None.
    """

    city: str
    other_cities: tuple[str, ...]
    state: str
    county: str | None
    timezone: str | None


def state_of_name(text: str) -> str | None:
    """Code of a state's name or traditional abbreviation, in any case: ``new jersey``, ``Calif.``, ``N.Y.``.

    A bare two-letter code is not a name; see ``STATES``.
    """
    letters = _LETTERS.sub("", text.lower())
    found = _CODES.get(letters)
    if found is None and "." in text and letters.upper() in STATES:
        return letters.upper()
    return found


def place_of_zip(zip_code: str) -> ZipPlace | None:
    """Place of a five-digit ZIP, or None when the ZIP is not in use."""
    return _places_of_prefix(zip_code[:3]).get(zip_code) if len(zip_code) == 5 else None


def state_of_zip(zip_code: str) -> str | None:
    """State of a five-digit ZIP by its first three digits; None when unknown or military."""
    if len(zip_code) != 5:
        return None
    place = place_of_zip(zip_code)
    states = {place.state} if place else {other.state for other in _places_of_prefix(zip_code[:3]).values()}
    return states.pop() if len(states) == 1 and states <= STATES else None


def city_in_state(city: str, state: str) -> str | None:
    """The city's usual spelling when the state has a post office or locality of that name, else None."""
    return _cities_of_state(state).get(city.casefold())


def city_in_zip(city: str, zip_code: str) -> str | None:
    """The city's usual spelling when it is one of the ZIP's names, else None."""
    place = place_of_zip(zip_code)
    if place:
        wanted = city.casefold()
        for name in (place.city, *place.other_cities):
            if name.casefold() == wanted:
                return name
    return None


@lru_cache(maxsize=1024)
def _places_of_prefix(prefix: str) -> dict[str, ZipPlace]:
    import zipcodes  # 40 MB of tables: only lists with addresses need them

    if not (len(prefix) == 3 and prefix.isascii() and prefix.isdigit()):
        return {}
    return {
        entry["zip_code"]: ZipPlace(
            entry["city"],
            (*entry["acceptable_cities"], *entry["unacceptable_cities"]),
            entry["state"],
            entry["county"] or None,
            entry["timezone"] or None,
        )
        for entry in zipcodes.similar_to(prefix)  # type: ignore[no-untyped-call]
    }


@lru_cache(maxsize=64)
def _cities_of_state(state: str) -> dict[str, str]:
    import zipcodes

    names: dict[str, str] = {}
    for entry in zipcodes.filter_by(state=state):  # type: ignore[no-untyped-call]
        for city in (entry["city"], *entry["acceptable_cities"]):
            names.setdefault(city.casefold(), city)
    return names
