"""Words that are written in several ways, and words that tell no two firms apart.

Compiled by hand: legal forms of the US and of the countries whose firms trade there, abbreviations of the
building trades, the street suffixes, directions and units of USPS Publication 28.
"""

from __future__ import annotations

from sales_agent_dagster.domain.values.text import words


def _spellings(listing: str) -> dict[str, str]:
    """``usual: other other`` per line, as other to usual; ``_`` stands for a space."""
    found: dict[str, str] = {}
    for line in listing.strip().splitlines():
        usual, _, others = line.partition(":")
        found |= dict.fromkeys(others.split(), usual.strip().replace("_", " "))
    return found


LEGAL_FORMS = words(
    """
    inc incorporated llc llp lllp lp ltd limited co corp corporation company pllc pc pa plc gmbh pty sa ag bv
    nv srl sarl spa kg oy ab lc ulc incorp corpn cos naamloze naamlooze vennootschap besloten
    aktiengesellschaft gesellschaft societe anonyme as aps asa ek eurl haftungsbeschrankt kgaa ltda ohg oyj
    pte pvt sas sasu sl slu ug
    """
)
"""Forms that say how a firm is registered; cut wherever they stand, unless nothing would be left."""

WEAK_LEGAL_FORMS = words("pa sa ag ab spa lc co cos kg oy as asa ek pte sas sl slu ug")
"""Forms that may be words or initials: cut at the end only."""

CONNECTIVES = words("and n the of")

WORD_SPELLINGS = _spellings(
    """
    air conditioning: ac aircon aircond airconditioning airconditioner
    heating air conditioning: hvac hvacr hvacs
    heating ventilation: hv
    heating: htg heat heatg heatin heaters
    cooling: clg coolg cool
    air: airs
    conditioning: cond condition condit conditioners conditioner conditionin
    refrigeration: refrig refrigerat refr refer
    plumbing: plbg plumb plmbg plumber plumbers plg plbing plmb
    electric: elec elect electrical electrician electricians electl elctric electr elctrc
    electronic: electronics
    mechanical: mech mechanicals mechan
    contractor: contr contract contractors contracting cont contrs contrctr contrg contracts
    construction: const constr construct constrn constructors constructor cnstr
    service: svc svcs serv services srv srvs srvc srvcs servs servicing svce
    system: sys systems syst systs
    solution: solutions soln solns sol
    technology: tech technologies techs technol
    generator: gen gens generators genr generatr
    enterprise: ent entr enterprises enterp entp
    engineering: engr eng engrg engineers engineer engineerng
    management: mgmt mgt mngmt managment
    maintenance: maint mtce mntnc maintenence
    equipment: equip eqpt equipt eqp
    manufacturing: mfg manuf manufacturers manufacturer mfr mfrs
    distribution: dist distr distributors distributor distrib distributing
    development: dev devel developers developer developments
    installation: inst install installations installers installer installs
    industry: ind indus industries inds
    industrial: indl indust
    commercial: comm coml comml
    residential: resid res resi residentl
    improvement: impr improv improvements imp
    restoration: rest restor
    remodeling: remod remodelers remodeler remodel remodelling
    renovation: reno renov renovations
    roofing: roof rfg roofers roofer roofs
    building: bldg bldgs buildings build
    builder: bldr bldrs builders
    brothers: bros bro brother
    association: assn assoc associates assocs associate associations
    american: amer americ
    national: natl nat
    international: intl internatl int
    general: genl
    supply: sup supplies supl sply
    product: prod products prods
    group: grp groups
    center: ctr centre centers cntr
    home: homes hm
    house: houses
    professional: prof professionals pro pros profl
    specialist: spec specialists specialties specialty
    quality: qual qlty
    property: prop properties props
    repair: repairs rpr repairing
    sale: sales
    energy: nrg enrgy energies
    power: pwr powers
    solar: slr
    lighting: ltg lights light
    water: wtr waters
    pump: pumps
    door: doors
    window: windows
    floor: floors flooring flrg
    landscape: landscaping landscapers landsc lndscp landscapes lscp
    painting: paint painters painter ptg
    concrete: conc concr
    excavating: excav excavation excavators excavator
    fabrication: fab fabricators fabricating
    transportation: transp transport trans
    control: controls ctrl ctrls
    security: sec secur
    communication: communications comms commun
    design: designs dsgn
    consulting: cons consultants consultant consult
    environmental: env envir environ enviro
    department: dept
    university: univ
    government: govt
    county: cnty
    mountain: mtn mtns mountains
    north: no
    southern: so
    southwest: sw
    southeast: se
    northwest: nw
    northeast: ne
    saint: st
    fort: ft
    mount: mt
    junior: jr
    senior: sr
    1: one
    2: two
    3: three
    4: four
    5: five
    6: six
    7: seven
    8: eight
    9: nine
    10: ten
    1st: first
    2nd: second
    3rd: third
    son: sons
    comfort: comfrt
    appliance: appl appliances applnc
    exterior: exteriors ext
    interior: interiors
    fence: fencing fences
    garage: garages
    gutter: gutters
    tree: trees
    pool: pools
    drain: drains
    sewer: sewers
    pipe: pipes piping
    tile: tiles
    cabinet: cabinets
    kitchen: kitchens
    bath: bathroom bathrooms baths
    auto: automotive autos
    fire: fires
    sprinkler: sprinklers
    septic: septics
    """
)
"""Spelling of a word in a firm's name to the usual one; every usual form stands for itself."""

for _usual in frozenset(WORD_SPELLINGS.values()):
    WORD_SPELLINGS.pop(_usual, None)

TRADE_WORDS = (
    frozenset(word for usual in WORD_SPELLINGS.values() for word in usual.split())
    | LEGAL_FORMS
    | words(
        """
        advanced affordable all backup best better business care city complete custom elite emergency express
        family fast first fuel gas green indoor local master max metro new outage premier premium prime
        reliable refrigeration rooter standby star superior supreme total united us usa valley ventilation
        wiring 1 24 7 a one your my top tri
        """
    )
) - words("1st 2nd 3rd saint fort mount junior senior")
"""Words that many contractors' names hold: never used alone to find a firm."""

OWNING_WORDS = words(
    "asset assets capital equity finance financial holding holdings intellectual ip patent patents"
)
"""Words of firms that own or finance others: a firm of that name with one of these is another firm."""

STREET_TYPES = words(
    """
    street str st avenue ave av aven boulevard blvd boul drive dr drv road rd lane ln court ct circle cir
    circ place pl parkway pkwy pky parkwy highway hwy hiway terrace ter terr trail trl way wy square sq loop
    lp turnpike tpke pike pk plaza plz alley aly crossing xing expressway expy freeway fwy crescent cres
    route rte rt run row path cove cv point pt ridge rdg
    """
)
DIRECTIONS = words(
    """
    n s e w ne nw se sw north south east west northeast northwest southeast southwest no so
    """
)
WAY_SPELLINGS = _spellings(
    """
    street: str st
    avenue: ave av aven
    boulevard: blvd boul
    drive: dr drv
    road: rd
    lane: ln
    court: ct
    circle: cir circ
    place: pl
    parkway: pkwy pky parkwy
    highway: hwy hiway
    terrace: ter terr
    trail: trl
    way: wy
    square: sq
    loop: lp
    turnpike: tpke
    pike: pk
    plaza: plz
    alley: aly
    crossing: xing
    expressway: expy
    freeway: fwy
    crescent: cres
    route: rte rt
    cove: cv
    point: pt
    ridge: rdg
    north: n no
    south: s so
    east: e
    west: w
    northeast: ne
    northwest: nw
    southeast: se
    southwest: sw
    """
)
"""Street types and directions where they are the street's name."""
STREET_SPELLINGS = _spellings(
    """
    county road: cr
    state road: sr
    farm market: fm
    interstate: ih
    mount: mt
    fort: ft
    mountain: mtn
    1st: first
    2nd: second
    3rd: third
    4th: fourth
    5th: fifth
    6th: sixth
    7th: seventh
    8th: eighth
    9th: ninth
    10th: tenth
    martin luther king: mlk
    """
)
UNITS = words("suite ste unit apt apartment bldg building floor fl flr rm room lot dept office ofc space spc")

CITY_SPELLINGS = {
    "st": "saint", "ste": "sainte", "ft": "fort", "mt": "mount", "n": "north", "s": "south", "e": "east",
    "w": "west", "no": "north", "so": "south", "hts": "heights", "spgs": "springs", "spg": "spring",
    "vlg": "village", "twp": "township", "jct": "junction", "ctr": "center", "bch": "beach", "pk": "park",
    "hls": "hills", "lk": "lake", "mtn": "mountain", "pt": "point", "cty": "city", "is": "island",
    "vly": "valley", "fls": "falls", "hbr": "harbor", "gdns": "gardens", "grv": "grove",
}  # fmt: skip

ROLE_PLACEHOLDERS = words("noreply no-reply donotreply do-not-reply none na n/a null test unknown example")
"""Local parts of addresses that stand for "no address"."""
