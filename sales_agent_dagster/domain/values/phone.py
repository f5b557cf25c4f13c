"""Phone numbers to E.164.

Numbers of the North American Numbering Plan (NANP) are read here; the shape is the plan's own: NXX-NXX-XXXX
with N 2-9, no N11 area or exchange code, N9X area codes reserved for the plan's expansion (NANPA, "About the
North American Numbering Plan"). Other countries' numbers go to Google's metadata (``phonenumbers``).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from sales_agent_dagster.domain.values.text import is_missing, words

TOLL_FREE = frozenset({"800", "833", "844", "855", "866", "877", "888"})

_EXT = r"(?:\s*[,;]?\s*(?:extension|ext|x|#)\s*[.:#]?\s*(\d{1,7}))"
_NUMBER = r"(?:\+?1[\s.-]*)?\(?([2-9]\d\d)\)?[\s./-]*([2-9]\d\d)[\s.-]*(\d{4})"
_WHOLE = re.compile(r"(?:\+?1[ .-]?)?\(?([2-9]\d\d)\)?[ ./-]{0,3}([2-9]\d\d)[ .-]?(\d{4})(?:\.0)?")
_FOUND = re.compile(rf"(?<![\d+]){_NUMBER}(?!\d){_EXT}?", re.IGNORECASE)
_VANITY = re.compile(r"\+?1?[\s.-]*\(?([2-9]\d\d)\)?[\s.-]*((?:[A-Z0-9][\s.-]?){7,12})", re.IGNORECASE)
_FOREIGN = re.compile(r"(?:\+|\b011[\s.-]*|\b00)(?=[\s(]*[2-9])[\s(]*\d[\d\s()./-]{6,24}")
_FOREIGN_EXT = re.compile(_EXT, re.IGNORECASE)
_KEYS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
_NOT_KEYS = re.compile(r"[^A-Z0-9]")

_US_NAMES = words(
    """
    us usa unitedstates unitedstatesofamerica america ca canada pr puertorico vi gu as mp guam
    """
)
_REGIONS = {
    "unitedkingdom": "GB", "uk": "GB", "greatbritain": "GB", "england": "GB", "scotland": "GB",
    "ireland": "IE", "germany": "DE", "deutschland": "DE", "france": "FR", "spain": "ES",
    "italy": "IT", "netherlands": "NL",
    "belgium": "BE", "austria": "AT", "switzerland": "CH", "sweden": "SE", "norway": "NO", "denmark": "DK",
    "finland": "FI", "poland": "PL", "portugal": "PT", "mexico": "MX", "brazil": "BR", "australia": "AU",
    "newzealand": "NZ", "india": "IN", "japan": "JP", "china": "CN", "israel": "IL", "southafrica": "ZA",
    "espana": "ES", "italia": "IT", "nederland": "NL", "thenetherlands": "NL", "osterreich": "AT",
    "schweiz": "CH", "suisse": "CH", "svizzera": "CH", "belgie": "BE", "belgique": "BE", "sverige": "SE",
    "norge": "NO", "danmark": "DK", "suomi": "FI", "polska": "PL", "brasil": "BR", "czechrepublic": "CZ",
    "czechia": "CZ", "hungary": "HU", "romania": "RO", "greece": "GR", "turkey": "TR", "turkiye": "TR",
    "southkorea": "KR", "argentina": "AR", "chile": "CL", "colombia": "CO", "peru": "PE", "wales": "GB",
    "northernireland": "GB", "saudiarabia": "SA", "malaysia": "MY", "thailand": "TH", "vietnam": "VN",
    "singapore": "SG", "unitedarabemirates": "AE", "uae": "AE", "philippines": "PH",
}  # fmt: skip


class Phones(NamedTuple):
    """Numbers of one cell.

    Attributes:
        phone: the first number, E.164.
        ext: its extension, digits.
        phone_2: the second number, E.164.
        kind: of the first number: geographic, toll_free or international.
    """

    phone: str | None = None
    ext: str | None = None
    phone_2: str | None = None
    kind: str | None = None
    repairs: tuple[str, ...] = ()


_NOTHING = Phones()
_INVALID = Phones(repairs=("phone_invalid",))


def region_of(country: str | None) -> str | None:
    """Two-letter region whose numbering a country uses; None for the NANP and for unknown countries."""
    letters = _letters(country or "")
    if letters in _US_NAMES:
        return None
    return _REGIONS.get(letters) or (letters.upper() if len(letters) == 2 and letters.isascii() else None)


def is_abroad(country: str) -> bool:
    """Whether a country is known and outside the NANP."""
    return not is_missing(country) and region_of(country) is not None


def _letters(country: str) -> str:
    return "".join(filter(str.isalpha, unicodedata.normalize("NFKD", country).casefold()))


def read_phones(text: str, region: str | None = None) -> Phones:
    """Numbers in a cell: one, or several divided by a slash, comma, semicolon, "or" or a line break.

    Args:
        text: the cell.
        region: two-letter region of numbers without a country code; None is the NANP.
    """
    match = _WHOLE.fullmatch(text) if region is None else None
    if match:
        area, exchange, line = match.groups()
        if not _assignable(area, exchange, line):
            return _INVALID
        kind = "toll_free" if area in TOLL_FREE else "geographic"
        return Phones(f"+1{area}{exchange}{line}", None, None, kind)
    if is_missing(text):
        return _NOTHING
    return _search(text[:200], region)


def kind_of(phone: str) -> str:
    """Kind of an E.164 number: toll_free, geographic (of the NANP) or international."""
    if not phone.startswith("+1"):
        return "international"
    return "toll_free" if phone[2:5] in TOLL_FREE else "geographic"


def _assignable(area: str, exchange: str, line: str) -> bool:
    return (
        area[1:] != "11"
        and area[1] != "9"
        and exchange[1:] != "11"
        and not area == exchange == line[:3] == line[1:]
    )


def _search(text: str, region: str | None) -> Phones:
    found: dict[str, str | None] = {}
    foreign = _foreign(text, region)
    if region is None:
        # What follows "+49 (0)" may look like a number of the NANP.
        for area, exchange, line, ext in _FOUND.findall(_FOREIGN.sub(" ", text) if foreign else text):
            if _assignable(area, exchange, line):
                found.setdefault(f"+1{area}{exchange}{line}", ext or None)
    found |= {number: ext for number, ext in foreign if number not in found}
    if found:
        return _phones(found, ("phone_split",) if len(found) > 1 else ())
    vanity = _vanity(text)
    return Phones(vanity, None, None, kind_of(vanity), ("phone_vanity",)) if vanity else _INVALID


def _phones(found: dict[str, str | None], repairs: tuple[str, ...]) -> Phones:
    numbers = list(found)
    first = numbers[0]
    return Phones(first, found[first], numbers[1] if len(numbers) > 1 else None, kind_of(first), repairs)


def _vanity(text: str) -> str | None:
    match = _VANITY.fullmatch(text.strip())
    if not match:
        return None
    digits = _NOT_KEYS.sub("", match[2].upper()).translate(_KEYS)[:7]
    letters = sum(map(str.isalpha, match[2]))
    if letters < 3 or digits[0] in "01" or not _assignable(match[1], digits[:3], digits[3:]):
        return None
    return f"+1{match[1]}{digits}"


def _foreign(text: str, region: str | None) -> list[tuple[str, str | None]]:
    parts = re.split(r"[/;,|\n]|\bor\b", text) if region else _FOREIGN.findall(text)
    numbers = []
    for part in parts:
        ext = _FOREIGN_EXT.search(part if region else text)
        number = _parse_foreign(_FOREIGN_EXT.sub("", part).strip(), region)
        if number:
            numbers.append((number, ext[1] if ext else None))
    return numbers


@lru_cache(maxsize=4096)
def _parse_foreign(text: str, region: str | None) -> str | None:
    import phonenumbers  # 10 MB of metadata: most lists never need it

    if region is None:
        text = re.sub(r"^(?:011|00)[\s.-]*", "+", text)
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
