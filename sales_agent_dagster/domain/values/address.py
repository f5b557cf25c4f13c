"""US addresses as dealer scrapers cut them up: street, city, state, ZIP, put together again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sales_agent_dagster.domain.us_places import (
    STATES,
    city_in_state,
    city_in_zip,
    place_of_zip,
    state_of_name,
    state_of_zip,
)
from sales_agent_dagster.domain.values.text import is_missing, one_line, words

_CARD_TEXT = re.compile(
    r"^\s*(?:\d+(?:\.\d+)?\s*mi(?:les?)?\s*)?(?:\d+(?:\.\d+)?\s*\(\d*\)\s*)?"
    r"\d(?:\.\d+)?\s*out of 5 stars?\.?\s*",
    re.IGNORECASE,
)
_DISTANCE = re.compile(r"^\s*\d+(?:\.\d+)?\s*mi(?:les?)?(?:\s+away)?\s+(?=\d)", re.IGNORECASE)
_ZIP = re.compile(r"'?(\d{5})(?:\.0|[-\s]?(\d{4}))?")
_SHORT_ZIP = re.compile(r"'?(\d{3,4})(?:\.0|-(\d{4}))?")
_TAIL = re.compile(r"(?:[,\s]\s*|^)([A-Za-z][A-Za-z .]*?)[.,]?\s+(\d{5}(?:-\d{4})?)$")
_STATE_TAIL = re.compile(r",\s*([A-Za-z][A-Za-z .]*)$")
_COUNTRY_TAIL = re.compile(
    r",?\s*\b(?:USA?|U\.S\.(?:A\.?)?|United States(?: of America)?)\s*(?:,?\s*(\d{5}(?:-\d{4})?))?\s*$",
    re.IGNORECASE,
)
_US = frozenset({"", "us", "usa", "unitedstates", "unitedstatesofamerica", "america"})
_CITY_WORDS = 4
"""Words of a city's name at most."""
_WORDS_OF_NAME = re.compile(r"[^\W\d_]+(?:['\u2019.-][^\W\d_]+)*")

_SUFFIXES = words(
    """
    street avenue boulevard drive road lane court circle place parkway highway terrace trail way square
    loop turnpike pike suite st ave blvd dr rd ln ct cir pl pkwy hwy ter trl sq
    """
)
_UNITS = words("unit suite ste apt apartment bldg building floor fl rm room lot")


@dataclass(slots=True)
class Address:
    """An address; None is unknown. ``state`` is a code, ``zip_code`` has five digits, ``zip4`` four."""

    street: str | None = None
    city: str | None = None
    state: str | None = None
    zip_code: str | None = None
    zip4: str | None = None
    country: str | None = None
    repairs: list[str] = field(default_factory=list)


def read_address(street: str, city: str, state: str, zip_code: str, country: str, whole: str = "") -> Address:
    """The address from its cells; ``whole`` is "street, city, state ZIP" in one, for what the others lack.

    A cut city is joined again, and street leftovers are moved out of it, only when the ZIP or the state
    knows the resulting city; otherwise the city stays and is flagged ``city_unconfirmed``.
    """
    cells = [one_line(text) for text in (street, city, state, zip_code, country, whole)]
    street, city, state, zip_code, country, whole = ("" if is_missing(text) else text for text in cells)
    address = Address(country=country or None)
    if not _is_us(country):
        address.street, address.city = street or whole or None, city or None
        if state or zip_code:
            address.repairs.append("address_not_us")
        return address
    street, whole = (_without_card_text(text, address) for text in (street, whole))
    street, city, state, zip_code = _distributed(street, city, state, zip_code, whole, address)
    _read_zip(zip_code, state, city, address)
    _read_state(state, city, street, address)
    _read_city(street, city, address)
    return address


def _is_us(country: str) -> bool:
    letters = "".join(filter(str.isalpha, country.casefold()))
    return letters in _US or state_of_name(country) in ("PR", "GU", "VI", "AS", "MP")


def _without_card_text(text: str, address: Address) -> str:
    cut = _DISTANCE.sub("", _CARD_TEXT.sub("", text, count=1), count=1)
    if cut != text and "street_prefix" not in address.repairs:
        address.repairs.append("street_prefix")
    return cut.strip()


def _distributed(
    street: str, city: str, state: str, zip_code: str, whole: str, address: Address
) -> tuple[str, str, str, str]:
    """Cells after taking apart those that hold more than one field."""
    together = whole or ("" if city or zip_code else street)
    parts = split_whole(together) if together else None
    if parts and not (street and city and whole):
        street = parts[0] if (whole == together and not street) or street == together else street
        whole = "" if whole == together else whole
        city, state, zip_code = city or parts[1], state or parts[2], zip_code or parts[3]
        address.repairs.append("address_split")
    street = street or whole
    rest, found_state, found_zip = _place_tail(city)
    if rest != city:
        city, state, zip_code = rest, found_state or state, found_zip or zip_code
        if "address_split" not in address.repairs:
            address.repairs.append("address_split")
    return street, city, state, zip_code


def split_whole(text: str) -> tuple[str, str, str, str] | None:
    """``1 Main St, Springfield, IL 62701`` as street, city, state, ZIP; None when it has no such shape.

    Without a comma before it the city is one that the state knows: ``1 Main St Springfield, IL 62701``. The
    street is empty where the cell is a place alone: ``Springfield, IL``.
    """
    rest, state, zip_code = _place_tail(text)
    if not state:
        return None
    street, comma, city = rest.rpartition(",")
    if not comma:
        street, city = _before_city(rest, state)
    if not city.strip() or (comma and not street.strip()):
        return None
    return street.strip(), city.strip(), state, zip_code


def _before_city(text: str, state: str) -> tuple[str, str]:
    """Text before a city of the state at its end, and that city; both empty when there is none."""
    parts = text.split()
    # A single word is no street: "12 Lake Park" is one, in whatever city.
    for start in (place for place in range(max(len(parts) - _CITY_WORDS, 0), len(parts)) if place != 1):
        city = " ".join(parts[start:])
        if city_in_state(city, state):
            return " ".join(parts[:start]), city
    return "", ""


def _place_tail(text: str) -> tuple[str, str, str]:
    """``Springfield, SOUTH CAROLINA 29146`` as rest, state, ZIP; the text itself when it has no such tail."""
    domestic = _COUNTRY_TAIL.sub(lambda match: f" {match[1] or ''}", text).rstrip()
    match = _TAIL.search(domestic)
    if match:
        for name in _tails(match[1]):
            state = _code(name)
            if state:
                return domestic[: match.end(1) - len(name)].strip(" ,"), state, match[2]
    match = _STATE_TAIL.search(domestic)
    state = _code(match[1]) if match else None
    return (domestic[: match.start()].strip(" ,"), state, "") if match and state else (text, "", "")


def _tails(text: str) -> list[str]:
    """``a b c`` gives ``a b c``, ``b c``, ``c``: a state's name may have three words."""
    parts = text.split(" ")[-3:]
    return [" ".join(parts[start:]) for start in range(len(parts))]


def _code(text: str) -> str | None:
    text = text.strip(" .")
    return text.upper() if text.upper() in STATES else state_of_name(text)


def _read_zip(text: str, state: str, city: str, address: Address) -> None:
    match = _ZIP.fullmatch(text)
    if match:
        address.zip_code, address.zip4 = match[1], match[2]
        return
    match = _SHORT_ZIP.fullmatch(text)
    if match:
        padded = match[1].zfill(5)
        if _agrees(padded, state, city):
            address.zip_code, address.zip4 = padded, match[2]
            address.repairs.append("zip_padded")
            return
    if text:
        address.repairs.append("zip_invalid")


def _agrees(zip_code: str, state: str, city: str) -> bool:
    """True when the state is the ZIP's or, where the state may be the tail of a word, the city is."""
    code = _code(state)
    if code and (state_of_zip(zip_code) == code or not state.islower()):
        return state_of_zip(zip_code) == code
    return bool(state) and city_in_zip(city, zip_code) is not None


def _read_state(text: str, city: str, street: str, address: Address) -> None:
    by_zip = state_of_zip(address.zip_code) if address.zip_code else None
    code = text if text in STATES else _repaired_state(text, by_zip, city, street)
    if code:
        address.state = code
        if code != text:
            address.repairs.append("state_code")
        if by_zip and by_zip != code:
            address.repairs.append("state_zip_mismatch")
        return
    if text:
        address.repairs.append("state_invalid")
    if by_zip:
        address.state = by_zip
        address.repairs.append("state_from_zip")


def _repaired_state(text: str, by_zip: str | None, city: str, street: str) -> str | None:
    """Code of a name or of a code in other case.

    A lower-case pair may be the tail of a cut word ("ox" of "PO Box", "in" of "Austin"): it counts only
    when the ZIP or the city agrees, or nothing was cut.
    """
    code = state_of_name(text)
    if code or len(text) != 2 or text.upper() not in STATES:
        return code
    code = text.upper()
    if not text.islower() or by_zip == code or not (city or street):
        return code
    return code if by_zip is None and city and city_in_state(city, code) else None


def _read_city(street: str, city: str, address: Address) -> None:
    address.street = street or None
    if not city:
        return
    in_zip = city_in_zip(city, address.zip_code) if address.zip_code else None
    names = () if in_zip or not address.zip_code else _cities_of_zip(address.zip_code)
    if any(_rejoin_at(name, street, city, address) for name in names):
        return
    known = in_zip or _in_state(city, address)
    if known:
        _set_city(known if city.islower() or city.isupper() else city, city, address)
    elif city[0].islower():
        _repair_city(street, city, names, address)
    else:
        _set_city(_title(city) if city.isupper() else city, city, address)


def _set_city(shown: str, given: str, address: Address) -> None:
    address.city = shown
    if shown != given:
        address.repairs.append("city_case")


@lru_cache(maxsize=4096)
def _cities_of_zip(zip_code: str) -> tuple[str, ...]:
    """The ZIP's city names, the longest first; of two spellings of one name the USPS's preferred one."""
    place = place_of_zip(zip_code)
    names = (place.city, *place.other_cities) if place else ()
    return tuple(sorted(names, key=lambda name: -len(_squeezed(name))))


def _in_state(city: str, address: Address) -> str | None:
    return city_in_state(city, address.state) if address.state else None


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _repair_city(street: str, city: str, names: Sequence[str], address: Address) -> None:
    if (
        any(_strip_at(name, street, city, address) for name in names)
        or _strip_leftovers(street, city, address)
        or _rejoin(street, city, address)
    ):
        return
    address.city = _title(city)
    address.repairs.append("city_unconfirmed")


def _rejoin_at(name: str, street: str, city: str, address: Address) -> bool:
    """Take the begin of the city ``name`` from the end of the street; False when it is not there."""
    joined = f"{street} {city}"
    start = _start_of_tail(joined, _squeezed(name))
    if start is None or start >= len(street):
        return False
    address.street = joined[:start].strip(" ,") or None
    address.city = name
    address.repairs.append("city_rejoined")
    return True


def _strip_at(name: str, street: str, city: str, address: Address) -> bool:
    """Give what stands before the city ``name`` back to the street; False when it does not end in it."""
    start = _start_of_tail(city, _squeezed(name))
    if start is None:
        return False
    address.street = _with_leftover(street, city[:start].strip(" ,.")) or None
    address.city = name
    address.repairs.append("city_stripped")
    return True


def _start_of_tail(text: str, wanted: str) -> int | None:
    """Where the letters ``wanted`` begin that end ``text``, at the start of a word; None when they do not."""
    left = len(wanted)
    for index in range(len(text) - 1, -1, -1):
        char = text[index].casefold()
        if not char.isalnum():
            continue
        if char != wanted[left - 1]:
            return None
        left -= 1
        if left == 0:
            return index if index == 0 or not text[index - 1].isalnum() else None
    return None


def _with_leftover(street: str, leftover: str) -> str:
    """``12 Oak St`` and ``reet`` make ``12 Oak Street``; other leftovers become words of their own."""
    last = street.rpartition(" ")[2].casefold()
    glued = any(last + leftover.casefold() == suffix for suffix in _SUFFIXES)
    return f"{street}{leftover}" if glued else f"{street} {leftover}".strip()


def _strip_leftovers(street: str, city: str, address: Address) -> bool:
    """Give words from the front of the city back to the street until the state knows the rest."""
    words = city.split(" ")
    for count in range(1, min(len(words), 6)):
        leftover, rest = " ".join(words[:count]), " ".join(words[count:])
        known = _in_state(rest, address)
        if known and _is_leftover(leftover):
            address.street = _with_leftover(street, leftover) or None
            address.city = known
            address.repairs.append("city_stripped")
            return True
    return False


def _is_leftover(text: str) -> bool:
    """True for the tail of a street suffix, a unit, a compass letter or other single letters."""
    first = text.casefold().replace(".", "").split(" ")[0]
    return (
        first in _UNITS
        or len(first) == 1
        or text.casefold() in ("ne", "nw", "se", "sw")
        or any(suffix.endswith(first) for suffix in _SUFFIXES)
    )


def _rejoin(street: str, city: str, address: Address) -> bool:
    """Join the street's last words to the city until the state knows the result."""
    words = street.split(" ")
    for count in range(1, min(len(words), 4)):
        tail = " ".join(words[-count:])
        known = _in_state(f"{tail}{city}", address)
        if known:
            address.street = " ".join(words[:-count]).strip(" ,") or None
            address.city = known
            address.repairs.append("city_rejoined")
            return True
    return False


def _title(text: str) -> str:
    return _WORDS_OF_NAME.sub(lambda word: word[0].capitalize(), text)
