"""US addresses as dealer scrapers cut them up: street, city, state, ZIP, put together again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

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
_WORDS_OF_NAME = re.compile(r"[^\W\d_]+(?:['\u2019.-][^\W\d_]+)*")

_SUFFIXES = words(
    """
    street avenue boulevard drive road lane court circle place parkway highway terrace trail way square
    loop turnpike pike suite
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
    _read_zip(zip_code, state, address)
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
    parts = _split_whole(together) if together else None
    if parts and not (street and city and whole):
        street = parts[0] if (whole == together and not street) or street == together else street
        city, state, zip_code = city or parts[1], state or parts[2], zip_code or parts[3]
        address.repairs.append("address_split")
    street = street or whole
    rest, found_state, found_zip = _place_tail(city)
    if rest != city:
        city, state, zip_code = rest, found_state or state, found_zip or zip_code
        if "address_split" not in address.repairs:
            address.repairs.append("address_split")
    return street, city, state, zip_code


def _split_whole(text: str) -> tuple[str, str, str, str] | None:
    """``1 Main St, Springfield, IL 62701`` as street, city, state, ZIP; None when it has no such shape."""
    rest, state, zip_code = _place_tail(text)
    street, comma, city = rest.rpartition(",")
    if not state or not comma or not street.strip() or not city.strip():
        return None
    return street.strip(), city.strip(), state, zip_code


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


def _read_zip(text: str, state: str, address: Address) -> None:
    match = _ZIP.fullmatch(text)
    if match:
        address.zip_code, address.zip4 = match[1], match[2]
        return
    match = _SHORT_ZIP.fullmatch(text)
    if match:
        padded = match[1].zfill(5)
        if _code(state) is not None and state_of_zip(padded) == _code(state):
            address.zip_code, address.zip4 = padded, match[2]
            address.repairs.append("zip_padded")
            return
    if text:
        address.repairs.append("zip_invalid")


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
    known = _known_city(city, address)
    if known:
        address.city = known if city.islower() or city.isupper() else city
        if address.city != city:
            address.repairs.append("city_case")
    elif city[0].islower() or _is_cut(street, city, address):
        _repair_city(street, city, address)
    else:
        address.city = _title(city) if city.isupper() else city
        if address.city != city:
            address.repairs.append("city_case")


def _known_city(city: str, address: Address) -> str | None:
    """The city's usual spelling when the ZIP, or without one the state, knows it."""
    found = city_in_zip(city, address.zip_code) if address.zip_code else None
    return found or (city_in_state(city, address.state) if address.state else None)


def _is_cut(street: str, city: str, address: Address) -> bool:
    """True when street and city joined end in one of the ZIP's cities: "Aust" + "in"."""
    place = place_of_zip(address.zip_code) if address.zip_code else None
    if place is None:
        return False
    joined = _squeezed(street + city)
    return any(joined.endswith(_squeezed(name)) for name in (place.city, *place.other_cities))


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _repair_city(street: str, city: str, address: Address) -> None:
    place = place_of_zip(address.zip_code) if address.zip_code else None
    names = (place.city, *place.other_cities) if place else ()
    for name in sorted(names, key=len, reverse=True):
        if _cut_at(name, street, city, address):
            return
    if _strip_leftovers(street, city, address) or (address.state and _rejoin(street, city, address)):
        return
    address.city = _title(city) if city.islower() else city
    address.repairs.append("city_unconfirmed")


def _cut_at(name: str, street: str, city: str, address: Address) -> bool:
    """Move the boundary of street and city to where ``name`` begins; False when they do not end in it."""
    wanted = _squeezed(name)
    joined = f"{street} {city}"
    start = _start_of_tail(joined, wanted)
    if start is None:
        return False
    if start > len(street):
        address.street = _with_leftover(street, joined[len(street) + 1 : start].strip(" ,.")) or None
        address.repairs.append("city_stripped")
    else:
        address.street = joined[:start].strip(" ,") or None
        address.repairs.append("city_rejoined")
    address.city = name
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
    """Drop words from the front of the city until the ZIP or the state knows the rest."""
    words = city.split(" ")
    for count in range(1, min(len(words), 6)):
        leftover, rest = " ".join(words[:count]), " ".join(words[count:])
        known = _known_city(rest, address)
        if known and _is_leftover(street, leftover):
            address.street = _with_leftover(street, leftover) or None
            address.city = known
            address.repairs.append("city_stripped")
            return True
    return False


def _is_leftover(street: str, text: str) -> bool:
    """True for the tail of a street suffix, a unit, a compass letter or other single letters."""
    words = text.casefold().replace(".", "").split()
    last = street.rpartition(" ")[2].casefold()
    first = words[0]
    return (
        first in _UNITS
        or len(first) == 1
        or text.casefold() in ("ne", "nw", "se", "sw")
        or any(suffix.endswith(first) and last + first == suffix for suffix in _SUFFIXES)
        or any(suffix.endswith(first) for suffix in _SUFFIXES)
    )


def _rejoin(street: str, city: str, address: Address) -> bool:
    """Join the street's last words to the city until the state knows the result."""
    words = street.split(" ")
    for count in range(1, min(len(words), 4)):
        tail = " ".join(words[-count:])
        known = city_in_state(f"{tail}{city}", address.state or "") if tail.isalpha() or count > 1 else None
        if known:
            address.street = " ".join(words[:-count]).strip(" ,") or None
            address.city = known
            address.repairs.append("city_rejoined")
            return True
    return False


def _title(text: str) -> str:
    return _WORDS_OF_NAME.sub(lambda word: word[0].capitalize(), text)
