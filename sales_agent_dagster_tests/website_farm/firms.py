"""Made-up contractors: what a website may truthfully say."""

from __future__ import annotations

import random
from dataclasses import dataclass

_FIRST = ("Alba", "Bruno", "Celia", "Dario", "Edda", "Fausto", "Greta", "Hugo", "Ilse", "Jonas", "Kira")
_LAST = ("Abernathy", "Bexley", "Corwin", "Dunmore", "Ellery", "Fairbank", "Garrow", "Hollis", "Kerrigan")
_NAMES = ("Cedar", "Granite", "Juniper", "Lakeside", "Meadow", "Oakridge", "Prairie", "Riverbend", "Timber")
_TRADES = {
    "generator": ("Generator Service", "standby generator installation"),
    "electrical": ("Electric", "electrical repair"),
    "hvac": ("Heating & Air", "furnace replacement"),
    "plumbing": ("Plumbing", "water heater replacement"),
    "solar": ("Solar", "rooftop solar panels"),
}
_BRANDS = ("Generac", "Kohler", "Carrier", "Trane", "Enphase")
_TITLES = ("Owner", "President", "General Manager", "Operations Manager", "Sales Manager")
_PLACES = (
    ("Springfield", "IL", "62701", "217"),
    ("Dayton", "OH", "45402", "937"),
    ("Boise", "ID", "83702", "208"),
    ("Macon", "GA", "31201", "478"),
    ("Utica", "NY", "13501", "315"),
)


@dataclass(frozen=True, slots=True)
class Firm:
    """A made-up firm.

    Attributes:
        host: under a name that RFC 2606 reserves.
        trade: by its name in ``domain.trades``; work: the same in words.
        phone: E.164; of 555-01xx, which nobody has.
        people: name and title.
    """

    host: str
    name: str
    trade: str
    work: str
    street: str
    city: str
    state: str
    zip_code: str
    phone: str
    founded: int
    brands: tuple[str, ...]
    people: tuple[tuple[str, str], ...]

    @property
    def email(self) -> str:
        return f"office@{self.host}"

    @property
    def shown_phone(self) -> str:
        """``(217) 555-0142``."""
        return f"({self.phone[2:5]}) {self.phone[5:8]}-{self.phone[8:]}"

    @property
    def linkedin(self) -> str:
        return f"https://www.linkedin.com/company/{self.host.partition('.')[0]}"


def firm(number: int, seed: int = 0) -> Firm:
    """The same number and seed always give the same firm, at ``firm-0007.example``."""
    draw = random.Random(f"{seed}/{number}")
    trade = draw.choice(list(_TRADES))
    title, work = _TRADES[trade]
    city, state, zip_code, area = draw.choice(_PLACES)
    count = draw.randint(2, 4)
    names = [
        f"{first} {last}"
        for first, last in zip(draw.sample(_FIRST, count), draw.sample(_LAST, count), strict=True)
    ]
    return Firm(
        host=f"firm-{number:04d}.example",
        name=f"{draw.choice(_NAMES)} {title}",
        trade=trade,
        work=work,
        street=f"{draw.randint(10, 9999)} {draw.choice(_NAMES)} Street",
        city=city,
        state=state,
        zip_code=zip_code,
        phone=f"+1{area}5550{draw.randint(100, 199)}",
        founded=draw.randint(1950, 2015),
        brands=tuple(draw.sample(_BRANDS, 2)),
        people=tuple(zip(names, draw.sample(_TITLES, count), strict=True)),
    )
