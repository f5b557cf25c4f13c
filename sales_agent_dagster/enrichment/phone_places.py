"""Where a phone number's exchange is, from the metadata inside ``phonenumbers`` (Google's libphonenumber).

Numbers move with their owners, so this is where the number was issued, not proof of an address.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from sales_agent_dagster.domain.us_places import STATES, state_of_name
from sales_agent_dagster.domain.values.phone import TOLL_FREE

_NANP_LENGTH = 12
_PREFIX_LENGTH = 8
"""``+1``, area code and exchange: no geographic or time zone prefix of the North American plan is longer."""


class PhonePlace(NamedTuple):
    """Place of an exchange; None where the metadata does not say or names several."""

    city: str | None
    state: str | None
    timezone: str | None


_NOWHERE = PhonePlace(None, None, None)


def place_of_phone(phone: str) -> PhonePlace:
    """Place of an E.164 number: city, US state and time zone; nothing for toll-free numbers.

    Numbers outside the North American plan give a time zone where their country has one only.
    """
    if not phone.startswith("+1"):
        return PhonePlace(None, None, _timezone_abroad(phone))
    if len(phone) != _NANP_LENGTH or phone[2:5] in TOLL_FREE:
        return _NOWHERE
    return _place_of_exchange(phone[:_PREFIX_LENGTH])


@lru_cache(maxsize=65536)
def _place_of_exchange(prefix: str) -> PhonePlace:
    from phonenumbers import PhoneNumber, PhoneNumberType, number_type, timezone

    # The line number does not matter here; 5555 completes the prefix to a number of the right length.
    number = PhoneNumber(country_code=1, national_number=int(f"{prefix[2:]}5555"))
    if number_type(number) not in (PhoneNumberType.FIXED_LINE, PhoneNumberType.FIXED_LINE_OR_MOBILE):
        return _NOWHERE
    zones = timezone.time_zones_for_geographical_number(number)
    city, state = _split(_name_of(prefix[1:]))
    return PhonePlace(city, state, _only(zones))


def _name_of(digits: str) -> str:
    """Name of the longest known prefix; empty when none is known."""
    names = _names_of_exchanges()
    return next((names[digits[:end]] for end in range(len(digits), 0, -1) if digits[:end] in names), "")


@lru_cache(maxsize=1)
def _names_of_exchanges() -> dict[str, str]:
    """English names of places by prefix, ``1`` first, of the North American plan.

    Reads only the files of ``phonenumbers.geodata`` that have them: its own import reads the whole world's,
    287,000 prefixes that take seconds and 150 MB. The files are in order of the prefixes as text.
    """
    names: dict[str, str] = {}
    data: Mapping[str, Mapping[str, str]] = {}
    ours: Mapping[str, Mapping[str, str]] = {}
    number = 0
    while len(ours) == len(data):
        data = _geodata(number)
        ours = {prefix: texts for prefix, texts in data.items() if prefix.startswith("1")}
        names |= {prefix: texts["en"] for prefix, texts in ours.items() if "en" in texts}
        number += 1
    return names


def _geodata(number: int) -> Mapping[str, Mapping[str, str]]:
    """Names of places by language by prefix, as one file has them."""
    import phonenumbers

    path = Path(phonenumbers.__file__).parent / "geodata" / f"data{number}.py"
    loader = SourceFileLoader(f"phonenumbers.geodata.{path.stem}", str(path))
    module = ModuleType(loader.name)
    module.__package__ = "phonenumbers.geodata"
    loader.exec_module(module)
    data: Mapping[str, Mapping[str, str]] = module.data
    return data


def _split(description: str) -> tuple[str | None, str | None]:
    """``Houston, TX`` or ``Louisiana Street, Houston, TX`` or ``Texas`` to city and state code."""
    rest, _, last = description.rpartition(", ")
    if rest:
        return (rest.rpartition(", ")[2], last) if last in STATES else (None, None)
    return None, state_of_name(description.removesuffix(" State"))


@lru_cache(maxsize=4096)
def _timezone_abroad(phone: str) -> str | None:
    from phonenumbers import NumberParseException, parse, timezone

    try:
        return _only(timezone.time_zones_for_number(parse(phone)))
    except NumberParseException:
        return None


def _only(zones: tuple[str, ...]) -> str | None:
    return zones[0] if len(zones) == 1 and "/" in zones[0] and not zones[0].startswith("Etc/") else None
