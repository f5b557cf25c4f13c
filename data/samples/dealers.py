"""Two hundred made-up dealers. Invented names, numbers of the fictional 555-01xx block, reserved domains."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field, replace
from itertools import cycle

HEADER = (
    "company_name",
    "company_website",
    "company_size",
    "industry",
    "contact_name",
    "contact_email",
    "contact_phone",
    "contact_title",
    "notes",
)
INDUSTRY = "Generator/Electrical Services"


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


_FRONT = words(
    "Tamble Orrin Quill Bexal Dunvel Larquo Fenni Gravend Halvor Irwend Junvar Kestrin Lowen Marro Norrin "
    "Ospre Pellwe Ravello Sorvel Thistra Umbrel Vesquin Wexel Yarvo Zephra Ashvin Brindo Corvan Drumlo Elmswy"
)
_BACK = words("wick fell mark haven moor gate field spindle stow combe thorpe ley dale worth bourne cott")

# (words after the invented name, trades' score, service score, customers' score). The scores are those of
# the ICP rules: one trade 50, two 75, three or "total" 100; one service word 75, two 100, a service-like
# word 50, none 25; homes 60, businesses 70, both 100, a dealer 50.
_LINES = (
    ("Electric", 50, 25, 50),
    ("Generators", 50, 25, 50),
    ("Power Systems", 50, 25, 50),
    ("Electric Service", 50, 75, 50),
    ("Generator Service", 50, 75, 50),
    ("Standby Power", 50, 25, 50),
    ("Electrical Contracting", 50, 25, 50),
    ("Power Solutions", 50, 50, 50),
    ("Heating & Air", 50, 25, 50),
    ("Heating, Cooling & Electric", 75, 25, 50),
    ("Plumbing & Electric", 75, 25, 50),
    ("Plumbing, Heating & Electric", 100, 25, 50),
    ("Solar & Electric", 75, 25, 50),
    ("Solar Services", 50, 75, 50),
    ("Home Services", 50, 75, 60),
    ("Home Energy", 50, 25, 60),
    ("Industrial Power", 50, 25, 70),
    ("Commercial Electric", 50, 25, 70),
    ("Home & Commercial Services", 50, 75, 100),
    ("Generator Sales, Service & Repair", 50, 100, 50),
    ("Complete Power", 100, 25, 50),
    ("Total Service & Maintenance", 100, 100, 50),
    ("Commercial & Residential Mechanical", 50, 25, 100),
    ("Complete Home & Commercial Service & Repair", 100, 100, 100),
    ("Plumbing, Air & Electrical Service", 100, 75, 50),
)
_FORMS = ("LLC", "Inc", "INC.", "Co", "Corp", "", "", "Llc", "LTD")
_BRANDS = (
    *(("Generac",),) * 20,
    *(("Briggs & Stratton",),) * 5,
    *(("Briggs & Stratton", "Generac"),) * 4,
    *(("Cummins", "Generac"),) * 3,
    *(("Cummins",),) * 2,
    ("Kohler",),
    ("Briggs & Stratton", "Tesla"),
    ("Generac", "Tesla", "Enphase"),
    *(("Briggs & Stratton", "Cummins", "Generac"),) * 2,
    ("Generac", "Carrier"),
)
_AREAS = words(
    "205 207 208 214 216 225 253 301 303 305 312 314 317 330 336 352 401 404 405 407 410 412 414 417 423 434 "
    "440 478 480 501 502 503 508 512 513 515 540 561 585 602 603 609 610 612 614 615 617 702 704 713 717 727 "
    "732 757 770 772 774 785 802 803 804 813 816 828 843 850 860 864 901 904 908 910 914 918 941 954 970 973"
)
_FIRST = words("Avery Blake Casey Devon Emerson Finley Harper Jordan Kendall Logan Morgan Parker Quinn Riley")
_TITLES = ("Owner", "President", "Service Manager", "Operations Manager", "General Manager", "Estimator")


@dataclass(frozen=True)
class Dealer:
    """One made-up dealer as the nine-column import format shows it."""

    name: str
    phone: str
    brands: tuple[str, ...]
    scores: tuple[float, float, float, float] = field(default=(50, 25, 50, 25))
    website: str = ""
    contact: str = ""
    title: str = ""
    email: str = ""
    remark: str = ""
    """Notes of a lead that comes from somewhere else than the list, and so has none of its scores."""

    @property
    def icp_score(self) -> float:
        """Weighted sum of resimercial, multi-OEM, MEP+R and O&M, one decimal, halves to even."""
        resimercial, multi_oem, mep_r, o_and_m = self.scores
        return round(round(0.35 * resimercial + 0.25 * multi_oem + 0.25 * mep_r + 0.15 * o_and_m, 6), 1)

    @property
    def icp_tier(self) -> str:
        """Tier word of the list: PLATINUM from 80, GOLD from 60, SILVER from 40."""
        lines = ((80, "PLATINUM"), (60, "GOLD"), (40, "SILVER"))
        return next((tier for line, tier in lines if self.icp_score >= line), "BRONZE")

    @property
    def domain(self) -> str:
        """Host of the website without ``www.``."""
        return re.sub(r"^https?://(www\.)?", "", self.website).partition("/")[0]

    def row(self) -> tuple[str, ...]:
        """Cells in the order of ``HEADER``."""
        domain = f" | Domain: {self.domain}" if self.website else ""
        notes = self.remark or (
            f"ICP Score: {self.icp_score} | Tier: {self.icp_tier}{domain} | OEMs: {', '.join(self.brands)}"
        )
        return (
            self.name,
            self.website,
            "",
            "" if self.remark else INDUSTRY,
            self.contact,
            self.email,
            self.phone,
            self.title,
            notes,
        )


def dealers(rng: random.Random) -> list[Dealer]:
    """Two hundred dealers: plain ones, the special cases of real lists, two rows of scraped junk."""
    special = _special_cases(rng)
    plain = _plain_dealers(rng, 200 - len(special))
    everyone = [*plain, *special]
    rng.shuffle(everyone)
    return sorted(everyone, key=lambda dealer: -dealer.icp_score)


def invented_names(rng: random.Random) -> list[str]:
    """Every front with every back, shuffled."""
    names = [front + back for front in _FRONT for back in _BACK]
    rng.shuffle(names)
    return names


def brand_score(brands: tuple[str, ...]) -> float:
    """One brand 25, two 50, three or more 100."""
    return (25.0, 50.0, 100.0)[min(len(brands), 3) - 1]


def slug(text: str) -> str:
    """Letters and digits of a name, as firms write them in domains."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _plain_dealers(rng: random.Random, count: int) -> list[Dealer]:
    names = invented_names(rng)[:count]
    areas = cycle(_AREAS)
    lines = [line for line in _LINES for _ in range(3 if line[1:] == (50, 25, 50) else 1)]
    made = []
    for number, name in enumerate(names):
        words, mep_r, o_and_m, resimercial = rng.choice(lines)
        brands = rng.choice(_BRANDS)
        full = f"{name} {words} {rng.choice(_FORMS)}".strip()
        dealer = Dealer(
            name=full.upper() if rng.random() < 0.6 else full,
            phone=_phone(rng, next(areas), f"01{number % 80:02d}"),
            brands=brands,
            scores=(resimercial, brand_score(brands), mep_r, o_and_m),
            website=_website(rng, name, words) if rng.random() < 0.75 else "",
        )
        made.append(_with_person(rng, dealer, name, number))
    return made


def _phone(rng: random.Random, area: str, line: str) -> str:
    style = rng.choices(("({}) 555-{}", "{}555{}", "{} 555-{}"), (83, 14, 3))[0]
    return style.format(area, line)


def _website(rng: random.Random, name: str, words: str) -> str:
    scheme = "http" if rng.random() < 0.12 else "https"
    www = "www." if rng.random() < 0.75 else ""
    host = slug(name + words.split()[0].strip(","))
    path = rng.choices(("/", "", "/locations/main", "/contact"), (92, 3, 3, 2))[0]
    return f"{scheme}://{www}{host}.example{path}"


def _with_person(rng: random.Random, dealer: Dealer, name: str, number: int) -> Dealer:
    """A contact for one dealer in twelve, an e-mail address for one with a website in ten."""
    if number % 12 == 5:
        contact = f"{rng.choice(_FIRST)} {name}"
        dealer = replace(dealer, contact=contact, title=rng.choice(_TITLES))
    if number % 10 == 5 and dealer.website:
        box = slug(dealer.contact.split()[0]) if dealer.contact else rng.choice(("info", "sales", "Office"))
        dealer = replace(dealer, email=f"{box}@{dealer.domain}")
    return dealer


def _special_cases(rng: random.Random) -> list[Dealer]:
    generac, briggs, cummins = ("Generac",), ("Briggs & Stratton",), ("Cummins",)
    service = (50.0, 25.0, 50.0, 75.0)
    full = (50.0, 25.0, 100.0, 25.0)
    cases = [
        # One firm three times: two numbers, one toll-free, no site; then a branch with a site.
        Dealer("COMPLETE BRAMBLEGATE RESOURCES", "(407) 555-0190", generac, full),
        Dealer("COMPLETE BRAMBLEGATE RESOURCES", "(800) 555-0190", generac, full),
        Dealer(
            "Complete Bramblegate Resources - Winter Garden",
            "(321) 555-0191",
            generac,
            full,
            "https://www.bramblegate.example/",
        ),
        # One firm, one site, two numbers, two ways to write the name.
        Dealer(
            "WINDROSE PLUMBING, SEWER, HEATING, & ELECTRIC",
            "8475550192",
            briggs,
            full,
            "http://www.windroseplumbing.example/",
        ),
        Dealer(
            "WINDROSE PLUMBING HEATING & ELECTRIC",
            "(847) 555-0193",
            briggs,
            full,
            "http://www.windroseplumbing.example/",
        ),
        # One number, two names; one number in two forms.
        Dealer("Copperquay Generator Service LLC", "(704) 555-0194", generac, service),
        Dealer("COPPERQUAY GENERATOR SERVICES", "704 555-0194", briggs, service),
        Dealer("SALTMERE ELECTRIC", "(207) 555-0195", generac),
        Dealer("Saltmere Electric Company", "2075550195", cummins),
        # Likely one firm: alike names, one site with a likely typing error, two towns.
        Dealer(
            "TILLERBY PLUMBING A/C & ELECTRICAL",
            "(713) 555-0196",
            generac,
            full,
            "https://www.tillerbyplubming.example/",
        ),
        Dealer(
            "TILLERBY PLUMBING, AC & ELECTRICAL",
            "(512) 555-0196",
            generac,
            full,
            "https://www.tillerbyplumbing.example/",
        ),
        # Another firm's name on the site.
        Dealer(
            "Holloquin Energy Services", "(216) 555-0197", generac, service, "https://www.nettlefox.example/"
        ),
        # Shared platforms: the host says nothing about the firm.
        Dealer(
            "Nettlefox Generators",
            "(813) 555-0197",
            generac,
            website="https://nettlefoxtest.generacdealers.com/",
        ),
        Dealer(
            "Osierbank Electric",
            "(615) 555-0197",
            generac,
            website="https://osierbanktest.generacdealers.com/",
        ),
        Dealer(
            "PENHALVO POWER", "(843) 555-0197", generac, website="https://penhalvotest.generacdealers.com/"
        ),
        Dealer(
            "Rookmere Standby Power", "(585) 555-0197", briggs, website="https://rookmere-test.business.site/"
        ),
        # Toll-free only.
        Dealer("TEASELBROOK GENERATORS INC", "(888) 555-0198", generac),
        Dealer("Wickenfold Power Systems", "8665550198", cummins),
        Dealer("MALLOWBY ELECTRIC CORP", "(877) 555-0198", briggs),
        # Noise in the name; two numbers and an extension in the cell.
        Dealer("SEDGEWAY FUELS &ENERGY SERVICES INC", "(603) 555-0198", generac, service),
        Dealer("DRIFTWELL , GENERATORS", "(910) 555-0198 / (910) 555-0199", generac),
        Dealer("Fernhithe Electric,", "(410) 555-0198 x12", generac),
        Dealer("J. MARLOCK DBA Marlock Generator Repair", "(330) 555-0198", generac, service),
        Dealer("CAFÉ D'ORVAL ÉLECTRIQUE", "(802) 555-0198", generac, (50.0, 25.0, 50.0, 25.0)),
        # What scrapers bring along; these rows are rejected.
        Dealer("Manage Cookie Preferences", "(303) 555-0199", generac),
        Dealer("OFFERING", "(480) 555-0199", generac),
    ]
    return [*cases, *_franchise(rng), *_weak_leads()]


def _weak_leads() -> list[Dealer]:
    """Firms that a list bought elsewhere brings along: no brand, and most of them in no trade that counts."""
    return [
        Dealer(name, phone, (), (0, 0, 0, 0), remark=remark)
        for name, phone, remark in (
            ("Thornwick Hardware & Feed", "(217) 555-0181", "From a trade fair list."),
            ("MELLOWGATE BAKERY", "(319) 555-0182", "From a trade fair list."),
            ("Harrowfen Roofing", "(316) 555-0183", "Asked for a brochure."),
            ("Quillmoor Insurance Agency", "(515) 555-0184", "From a trade fair list."),
            ("BRACKENHURST LANDSCAPING", "(605) 555-0185", "Visited the booth."),
            ("Dunvelow Office Supply", "(701) 555-0186", "From a trade fair list."),
            ("Larkmede Home Staging", "(406) 555-0187", "From a trade fair list."),
            ("FENWARREN AUTO GLASS", "(307) 555-0188", "From a trade fair list."),
        )
    ]


def _franchise(rng: random.Random) -> list[Dealer]:
    """Seven branches of one franchise: two share the site, five have their own."""
    branches = (
        ("Denver", "303"),
        ("Orlando", "407"),
        ("Baton Rouge", "225"),
        ("Tulsa", "918"),
        ("Raleigh", "919"),
        ("Omaha", "402"),
        ("El Paso", "915"),
    )
    made = []
    for number, (town, area) in enumerate(branches):
        host = "voltmarshgenerators" if number < 2 else f"voltmarsh{slug(town)}"
        made.append(
            Dealer(
                f"VOLTMARSH GENERATORS OF {town.upper()}",
                _phone(rng, area, f"018{number}"),
                ("Generac",),
                website=f"https://www.{host}.example/",
            )
        )
    return made
