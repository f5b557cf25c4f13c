"""Further ways in which directories, scanners and call-centre notes bend a company's name."""

from __future__ import annotations

import re
from random import Random

_SOUNDS = (
    ("ph", "f"), ("ck", "k"), ("ie", "ei"), ("ei", "ie"), ("ee", "ea"), ("ea", "ee"), ("c", "k"), ("k", "c"),
    ("z", "s"), ("ou", "ow"), ("th", "t"), ("mm", "m"), ("nn", "n"), ("ll", "l"), ("ss", "s"),
)  # fmt: skip
_SHAPES = (
    ("rn", "m"), ("m", "rn"), ("l", "1"), ("o", "0"), ("O", "0"), ("S", "5"), ("I", "l"), ("B", "8"),
    ("cl", "d"), ("vv", "w"),
)  # fmt: skip
_ACCENTS = str.maketrans("aeiounc", "áéíóúñç")
_LINES = (
    "24/7 Emergency Service", "Licensed & Insured", "Free Estimates", "Family Owned Since 1987", "Call Now",
    "Your Local Experts", "Open Saturdays", "Now Hiring", "Serving {city} and Surrounding Areas",
    "{trade} in {city} {state}", "Best {trade} {city}",
)  # fmt: skip
_SAME = {
    phrase: tuple(others.split("|"))
    for phrase, _, others in (
        line.strip().partition("=")
        for line in """
        Heating & Cooling=HVAC|Heating & Air|Climate Control|H&C
        Heating & Air Conditioning=HVAC|Heating & Air|Htg & A/C
        Air Conditioning=AC|A/C|Air Cond
        HVAC=Heating & Air Conditioning|H.V.A.C.|Heating and Cooling
        Plumbing & Heating=P&H|Plbg & Htg
        Electric=Electrical|Electrical Contractors
        Electrical=Electric
        Plumbing=Plumbers|Plumbing Co
        Roofing=Roofers|Roofing & Siding
        Solar=Solar Power|Solar Energy
        Construction=Builders|Const.
        Generators=Generator Sales
        Law=Law Office|Attorneys at Law|Legal
        Law Firm=Law Offices|Attorneys
        Dental=Dentistry|DDS
        Auto Repair=Automotive|Auto Service
        Realty=Real Estate|Realtors
        Veterinary=Animal Clinic|Vet
        Insurance Agency=Insurance|Ins Agcy
        Accounting=CPA|Accountants
        Trucking=Transport|Freight
        Manufacturing=Mfg|Mfr|Manufacturers
        Machine=Machine Shop|Machining
        Salon=Hair Salon|Beauty Salon
        """.strip().splitlines()
    )
}
_PHRASES = sorted(_SAME, key=len, reverse=True)
_PARENTS = (
    " - A Division of {last} Group", ", c/o {first} {last}", " / {last} Properties",
    " (formerly {last} {trade})", " aka {last}'s",
)  # fmt: skip


def sounded(name: str, random: Random) -> str:
    """Spelled as heard."""
    fitting = [(a, b) for a, b in _SOUNDS if a in name[1:].lower()]
    if not fitting:
        return name
    old, new = random.choice(fitting)
    return name[0] + re.sub(re.escape(old), new, name[1:], count=1, flags=re.IGNORECASE)


def scanned(name: str, random: Random) -> str:
    """Read by a machine: shapes that look alike."""
    fitting = [(a, b) for a, b in _SHAPES if a in name]
    return name.replace(*random.choice(fitting), 1) if fitting else name


def clipped(name: str, random: Random) -> str:
    """Every long word cut to its beginning, as fixed-width systems do."""
    keep = random.randrange(4, 7)
    return " ".join(word[:keep] if len(word) > keep + 1 else word for word in name.split())


def disemvowelled(name: str, random: Random) -> str:
    """Vowels left out of one or two words."""
    spoken = name.split()
    for _ in range(random.randrange(1, 3)):
        at = random.randrange(len(spoken))
        if len(spoken[at]) > 4:
            spoken[at] = spoken[at][0] + re.sub("[aeiou]", "", spoken[at][1:])
    return " ".join(spoken)


def accented(name: str, random: Random) -> str:
    """A letter with an accent."""
    places = [at for at, sign in enumerate(name) if sign in "aeiounc" and at]
    if not places:
        return name
    at = random.choice(places)
    return name[:at] + name[at].translate(_ACCENTS) + name[at + 1 :]


def advertised(name: str, random: Random, place: tuple[str, str], trades: tuple[str, ...]) -> str:
    """A line of advertising behind the name."""
    line = random.choice(_LINES).format(city=place[0], state=place[1], trade=random.choice(trades[:12]))
    return name + random.choice((" | ", " - ", ": ", ", ", " -- ")) + line


def synonym(name: str, random: Random) -> str:
    """The trade in other words."""
    for phrase in _PHRASES:
        if phrase in name:
            return name.replace(phrase, random.choice(_SAME[phrase]), 1)
    return name


def parented(name: str, random: Random, owner: tuple[str, str], trades: tuple[str, ...]) -> str:
    """A remark on who owns it."""
    remark = random.choice(_PARENTS)
    return name + remark.format(first=owner[0], last=owner[1], trade=random.choice(trades[:12]))


def numbered(name: str, random: Random) -> str:
    """A licence, store or account number glued to the name."""
    number = random.randrange(10, 99999)
    return random.choice(
        (f"{name} #{number}", f"{name} ({number})", f"{name} Lic {number}", f"{number} {name}")
    )
