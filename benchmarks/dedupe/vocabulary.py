"""Words that made-up companies are named with, one ``Vocabulary`` per kind of market.

Lists are in order of frequency: a word is drawn with a probability that falls with its rank, so that the
first few are everywhere. No company is meant by any combination.
"""

from __future__ import annotations

from dataclasses import dataclass


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in " ".join(text.split()).split("|") if phrase.strip())


@dataclass(frozen=True)
class Vocabulary:
    """What the firms of one market are called.

    Attributes:
        trades: what a firm does, most frequent first; may be several words.
        tails: words after the trade.
        legal: legal forms with their relative frequency; the empty one means none.
        short: long word to its usual short forms.
        roles: local parts of role mailboxes.
    """

    trades: tuple[str, ...]
    tails: tuple[str, ...]
    legal: tuple[tuple[str, float], ...]
    short: dict[str, tuple[str, ...]]
    roles: tuple[str, ...] = _words("info office service sales contact admin hello support billing team")


def _short_forms(text: str) -> dict[str, tuple[str, ...]]:
    pairs = (entry.split(":") for entry in text.split())
    return {long: tuple(short.split("/")) for long, short in pairs}


_SHORT = _short_forms(
    """
    Services:Svcs/Svc/Serv Service:Svc/Serv Company:Co Brothers:Bros Contractors:Contr/Contrs
    Contracting:Contr/Contracting Construction:Const/Constr Management:Mgmt Associates:Assoc/Assocs
    International:Intl National:Natl American:Amer Technologies:Tech/Techs Technology:Tech Systems:Sys
    Solutions:Sol/Solns Equipment:Equip Supply:Sply/Sup Center:Ctr Industries:Ind/Inds Engineering:Eng/Engr
    Enterprises:Ent/Entps Commercial:Comm/Coml Industrial:Indl/Ind Residential:Res Mountain:Mtn Saint:St
    County:Cnty/Co General:Gen Professional:Pro/Prof Distribution:Dist Manufacturing:Mfg Southern:So
    Northern:No Eastern:E Western:W Northwest:NW Southeast:SE Southwest:SW Northeast:NE Group:Grp
    """
)
_LEGAL_US = (
    ("", 0.30),
    ("LLC", 0.34),
    ("Inc", 0.22),
    ("Co", 0.05),
    ("Corp", 0.05),
    ("LP", 0.01),
    ("Ltd", 0.02),
)

TRADES = Vocabulary(
    trades=_phrases(
        """
        Electric | Heating & Cooling | Plumbing | Heating & Air Conditioning | Electrical | HVAC | Roofing |
        Plumbing & Heating | Air Conditioning | Solar | Heating & Air | Generator | Construction | Mechanical
        | Electrical Contractors | Home | Energy | Power | Air | Refrigeration | Heating | Electric &
        Plumbing | Power Systems | Generators | Plumbing Heating & Cooling | Remodeling | Comfort | Drain |
        Home Improvement | Sheet Metal | Landscaping | Fire Protection | Security | Painting | Garage Door |
        Pool | Septic | Well | Appliance | Insulation | Siding | Gutter | Window | Fence | Concrete | Paving
        | Tree | Pest Control | Standby Power | Solar Energy | Water Treatment | Boiler | Lighting |
        Excavating | Home Comfort | Propane | Fuel | Oil | Automation | Controls | Alarm | Data & Electric |
        Welding | Pump | Irrigation | Chimney | Lawn & Garden | Restoration | Flooring | Tile | Cabinet |
        Locksmith | Crane | Sign | Elevator | Glass
        """
    ),
    tails=_words(
        """
        Services Service Company Contractors Solutions Systems Group Contracting Enterprises Specialists
        Technologies Pros Experts Supply Equipment Industries Associates Sales Design Repair Maintenance
        Installation Center Works Partners Team Professionals Engineering
        """
    ),
    legal=_LEGAL_US,
    short=_SHORT
    | _short_forms(
        """
        Electric:Elec/Elect Electrical:Elec/Elect Heating:Htg Cooling:Clg Plumbing:Plbg/Plumb
        Conditioning:Cond Refrigeration:Refrig/Refr Mechanical:Mech Generator:Gen Generators:Gens Air:A
        Construction:Const Energy:Enrgy Maintenance:Maint Installation:Install/Inst Sales:Sls
        """
    ),
)

COMMERCE = Vocabulary(
    trades=_phrases(
        """
        Dental | Law | Family Dental | Insurance | Auto Repair | Realty | Chiropractic | Auto Body |
        Dentistry | Insurance Agency | Accounting | Veterinary | Real Estate | Tire & Auto | Orthodontics |
        Pharmacy | Physical Therapy | Law Firm | Tax | Eye Care | Marketing | Staffing | Bakery | Catering |
        Coffee | Animal Hospital | Medical | Family Medicine | Pediatrics | Wealth | Financial | Mortgage |
        Title | Storage | Self Storage | Car Wash | Motors | Collision | Transmission | Furniture | Jewelers
        | Florist | Fitness | Yoga | Day Spa | Salon | Barber | Grill | Pizza | Diner | Brewing | Wine &
        Spirits | Market | Hardware | Books | Print & Sign | Photography | Child Care | Learning | Music |
        Travel | Funeral Home | Hearing | Counseling | Surgery | Imaging | Home Health | Senior Care |
        Property | Apartments | Escrow
        """
    ),
    tails=_words(
        """
        Group Center Associates Partners Clinic Office Shop Company Advisors Services Care Studio House
        Practice Offices Agency Consultants Specialists Supply Store Boutique Institute Network
        """
    ),
    legal=(("", 0.42), ("LLC", 0.2), ("PC", 0.1), ("PLLC", 0.08), ("PA", 0.05), ("Inc", 0.1), ("LLP", 0.05)),
    short=_SHORT
    | _short_forms(
        """
        Insurance:Ins Agency:Agcy Dental:Dent Dentistry:Dntry Veterinary:Vet Accounting:Acctg Medical:Med
        Financial:Fin/Fncl Hospital:Hosp Advisors:Adv Apartments:Apts Chiropractic:Chiro Pharmacy:Pharm
        Realty:Rlty Property:Prop Collision:Coll Transmission:Trans Physical:Phys Therapy:Ther Clinic:Clin
        """
    ),
    roles=_words("frontdesk info appointments reception hello office mail contact manager accounts"),
)

INDUSTRY = Vocabulary(
    trades=_phrases(
        """
        Manufacturing | Logistics | Tool & Die | Machine | Packaging | Steel | Trucking | Plastics | Freight
        | Machining | Transport | Fabrication | Precision Machining | Warehouse | Chemical | Foods | Paper |
        Metal Products | Electronics | Industrial Supply | Castings | Coatings | Hydraulics | Rubber | Gear |
        Wire & Cable | Lumber | Textile | Instruments | Scientific | Aerospace | Marine | Agri | Seed | Feed
        | Grain | Dairy | Produce | Beverage | Cold Storage | Distributing | Wholesale | Import & Export |
        Tank | Valve | Bearing | Conveyor | Automation | Robotics | Labs | Pharma | Biotech | Optics |
        Software | Data | Networks | Cloud | Telecom | Mining | Drilling | Pipeline | Environmental |
        Recycling | Waste | Testing
        """
    ),
    tails=_words(
        """
        Company Products Industries International Works Systems Group Corporation Technologies Holdings
        Enterprises Manufacturing Supply Solutions Global Worldwide Lines Carriers Brothers Partners
        """
    ),
    legal=(
        ("Inc", 0.34),
        ("", 0.16),
        ("Corp", 0.14),
        ("LLC", 0.2),
        ("Co", 0.08),
        ("Ltd", 0.05),
        ("LP", 0.03),
    ),
    short=_SHORT
    | _short_forms(
        """
        Corporation:Corp Products:Prod/Prods Machine:Mach Logistics:Logist/Log Trucking:Trkg Transport:Trans
        Warehouse:Whse Chemical:Chem Electronics:Elctrncs Distributing:Dist Wholesale:Whsle Fabrication:Fab
        Environmental:Env/Envir Laboratories:Labs Packaging:Pkg Holdings:Hldgs Instruments:Instr
        Precision:Prec
        """
    ),
    roles=_words("info sales dispatch orders purchasing ap office hr shipping contact"),
)

MIXED = Vocabulary(
    trades=tuple(
        trade
        for group in zip(TRADES.trades, COMMERCE.trades, INDUSTRY.trades, strict=False)
        for trade in group
    ),
    tails=COMMERCE.tails + INDUSTRY.tails[:8] + TRADES.tails[:6],
    legal=(("", 0.5), ("LLC", 0.15), ("Inc", 0.1), ("GmbH", 0.05), ("Ltd", 0.05), ("Pty Ltd", 0.03),
           ("SA", 0.03), ("PLC", 0.03), ("Corp", 0.04), ("PC", 0.02)),
    short=COMMERCE.short | INDUSTRY.short | TRADES.short,
    roles=_words("kontakt info ventas mail team reception buchhaltung orders"),
)  # fmt: skip

VOCABULARIES = {"trades": TRADES, "commerce": COMMERCE, "industry": INDUSTRY, "mixed": MIXED}

LEGAL_SPELLINGS = {
    "LLC": ("LLC", "L.L.C.", "Llc", ", LLC", "L L C", "llc", "Limited Liability Company"),
    "Inc": ("Inc", "Inc.", ", Inc.", "INC", "Incorporated", ", Inc", "inc."),
    "Co": ("Co", "Co.", "Company", "& Co", "CO"),
    "Corp": ("Corp", "Corp.", "Corporation", ", Corp.", "CORP"),
    "LP": ("LP", "L.P.", "Limited Partnership"),
    "Ltd": ("Ltd", "Ltd.", "Limited", ", Ltd."),
    "PC": ("PC", "P.C.", ", P.C.", "P C"),
    "PLLC": ("PLLC", "P.L.L.C.", ", PLLC", "Pllc"),
    "PA": ("PA", "P.A.", ", P.A."),
    "LLP": ("LLP", "L.L.P.", ", LLP"),
    "GmbH": ("GmbH", "gmbh", "GmbH & Co. KG", "G.m.b.H."),
    "Pty Ltd": ("Pty Ltd", "Pty. Ltd.", "PTY LTD", "Proprietary Limited"),
    "SA": ("SA", "S.A.", "S.A. de C.V."),
    "PLC": ("PLC", "plc", "P.L.C."),
}

SURNAMES = _words(
    """
    Smith Johnson Williams Brown Jones Miller Davis Garcia Rodriguez Wilson Martinez Anderson Taylor Thomas
    Hernandez Moore Martin Jackson Thompson White Lopez Lee Gonzalez Harris Clark Lewis Robinson Walker Perez
    Hall Young Allen Sanchez Wright King Scott Green Baker Adams Nelson Hill Ramirez Campbell Mitchell
    Roberts Carter Phillips Evans Turner Torres Parker Collins Edwards Stewart Flores Morris Nguyen Murphy
    Rivera Cook Rogers Morgan Peterson Cooper Reed Bailey Bell Gomez Kelly Howard Ward Cox Diaz Richardson
    Wood Watson Brooks Bennett Gray James Reyes Cruz Hughes Price Myers Long Foster Sanders Ross Morales
    Powell Sullivan Russell Ortiz Jenkins Gutierrez Perry Butler Barnes Fisher Henderson Coleman Simmons
    Patterson Jordan Reynolds Hamilton Graham Kim Gonzales Alexander Ramos Wallace Griffin West Cole Hayes
    Chavez Gibson Bryant Ellis Stevens Murray Ford Marshall Owens McDonald Harrison Ruiz Kennedy Wells
    Alvarez Woods Mendoza Castillo Olson Webb Washington Tucker Freeman Burns Henry Vasquez Snyder Simpson
    Crawford Jimenez Porter Mason Shaw Gordon Wagner Hunter Romero Hicks Dixon Hunt Palmer Robertson Black
    Holmes Stone Meyer Boyd Mills Warren Fox Rose Rice Moreno Schmidt Patel Ferguson Nichols Herrera Medina
    Ryan Fernandez Weaver Daniels Stephens Gardner Payne Kelley Dunn Pierce Arnold Tran Spencer Peters
    Hawkins Grant Hansen Castro Hoffman Hart Elliott Cunningham Knight Bradley Carroll Hudson Duncan
    Armstrong Berry Andrews Johnston Ray Lane Riley Carpenter Perkins Aguilar Silva Richards Willis Matthews
    Chapman Lawrence Garza Vargas Watkins Wheeler Larson Carlson Harper George Greene Burke Guzman Morrison
    Munoz Jacobs Obrien Lawson Franklin Lynch Bishop Carr Salazar Austin Mendez Gilbert Jensen Williamson
    Montgomery Harvey Oliver Howell Dean Hanson Weber Garrett Sims Burton Fuller Soto McCoy Welch Chen
    Schultz Walters Reid Fields Walsh Little Fowler Bowman Davidson May Day Schneider Newman Brewer Lucas
    Holland Wong Banks Santos Curtis Pearson Delgado Valdez Pena Rios Douglas Sandoval Barrett Hopkins Keller
    Guerrero Stanley Bates Alvarado Beck Ortega Wade Estrada Contreras Barnett Caldwell Santiago Lambert
    Powers Chambers Nunez Craig Leonard Lowe Rhodes Byrd Gregory Shelton Frazier Becker Maldonado Fleming
    Vega Sutton Cohen Jennings Parks McDaniel Watts Barker Norris Vaughn Vazquez Holt Schwartz Steele Benson
    Neal Dominguez Horton Terry Wolfe Hale Lyons Graves Haynes Miles Park Warner Padilla Bush Thornton
    McCarthy Mann Zimmerman Erickson Fletcher McKinney Page Dawson Joseph Marquez Reeves Klein Espinoza
    Baldwin Moran Love Robbins Higgins Ball Cortez Le Griffith Bowen Sharp Cummings Ramsey Hardy Swanson
    Barber Acosta Luna Chandler Blair Daniel Cross Simon Dennis Oconnor Quinn Gross Navarro Moss Fitzgerald
    Doyle McLaughlin Rojas Rodgers Stevenson Singh Yang Figueroa Harmon Newton Paul Manning Garner McGee
    Reese Francis Burgess Adkins Goodman Curry Brady Christensen Potter Walton Goodwin Mullins Molina Webster
    Fischer Campos Avila Sherman Todd Chang Blake Malone Wolf Hodges Juarez Gill Farmer Hines Gallagher Duran
    """
)
FIRST_NAMES = _words(
    """
    James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan
    Joseph Jessica Thomas Sarah Charles Karen Daniel Lisa Matthew Nancy Anthony Betty Mark Sandra Donald
    Margaret Steven Ashley Paul Kimberly Andrew Emily Joshua Donna Kenneth Michelle Kevin Carol Brian Amanda
    George Melissa Timothy Deborah Ronald Stephanie Edward Rebecca Jason Sharon Jeffrey Laura Ryan Cynthia
    Jacob Dorothy Gary Amy Nicholas Kathleen Eric Angela Jonathan Shirley Stephen Emma Larry Brenda Justin
    Pamela Scott Nicole Brandon Anna Frank Samantha Benjamin Katherine Gregory Christine Samuel Debra Raymond
    Rachel Patrick Carolyn Alexander Janet Jack Maria Dennis Olivia Jerry Heather Tyler Helen Aaron Catherine
    Jose Diane Adam Julie Henry Victoria Nathan Joyce Douglas Lauren Zachary Kelly Peter Christina Kyle Ruth
    Walter Joan Ethan Virginia Jeremy Judith Carlos Evelyn Luis Hannah Juan Andrea Sean Megan Austin Cheryl
    Keith Jacqueline Roger Terry Gerald Martha Dylan Teresa Bruce
    """
)
NICKNAMES = _words(
    "Mike Bob Jim Tom Joe Bill Dave Steve Rick Dan Tony Al Ed Larry Ray Gus Frank Pete Ron Don"
)
HEADS = _words(
    """
    American Precision Superior Advanced Allied Premier Quality Comfort Reliable Total All-Star Summit
    Pioneer Liberty Eagle Patriot Heritage Elite Modern Apex Pinnacle Central United National Metro Valley
    Coastal Lakeside Mountain River Sunrise Sunset Evergreen Cornerstone Keystone Guardian Titan Phoenix
    Falcon Hawk Bear Wolf Lion Tiger Stallion Mustang Maverick Frontier Ranger Cardinal Bluebird Redwood
    Cedar Oak Maple Pine Aspen Willow Magnolia Dogwood Birch Granite Marble Sterling Silver Golden Platinum
    Diamond Emerald Sapphire Ruby Amber Copper Iron Steel Bronze Crystal Arctic Polar Northern Southern
    Eastern Western Atlantic Pacific Gulf Delta Prairie Plains Desert Canyon Mesa Highland Lowland Piedmont
    Tidewater Bayside Harbor Anchor Compass Beacon Lighthouse Horizon Skyline Crown Royal Regal Noble Empire
    Kingdom Castle Fortress Shield Sentinel Champion Victory Triumph Legacy Legend Icon Prime Select Choice
    Preferred Trusted Honest Integrity Dependable Faithful Certified Professional Expert Master Ace Alpha
    Omega Sigma Delta-V Vertex Zenith Nova Stellar Galaxy Orbit Comet Meteor Lunar Solaris Aurora Borealis
    Cascade Rainier Sierra Shasta Tahoe Yosemite Denali Catskill Adirondack Berkshire Ozark Appalachian
    Cumberland Shenandoah Potomac Hudson Mohawk Seneca Cherokee Dakota Cheyenne Comanche Apache Rapid Swift
    Express Instant Direct Dynamic Active Vital Vibrant Bright Brilliant Radiant Clear Pure Fresh Green Blue
    Red Orange Indigo Scarlet Crimson Ivory Onyx Obsidian Cobalt Jade Coral Pearl Harvest Homestead Colonial
    """
)
SECOND_HEADS = _words(
    """
    Star Ridge Creek Valley Lake River Rock Hill Mountain Wood Stone Point Bay Coast State City County Line
    Gate Bridge Shore Field Brook Forest Sky Sun Moon Wind Fire Water Line Edge Peak Tree Leaf Hawk Wolf Bear
    Horse Arrow
    """
)
STREETS = _words(
    """
    Main Oak Maple Park Washington Lake Hill Cedar Pine Elm Second Third First Fourth Fifth Walnut Spring
    North Ridge Church Willow Mill Sunset Railroad Jackson Highland River Jefferson Center Franklin Meadow
    Forest Locust Chestnut Lincoln Madison Cherry Dogwood Hickory Spruce College Broad Court Industrial
    Commerce Airport Enterprise Technology Corporate Business Market State Water High School Union Front
    Bridge Pleasant Prospect Grove Valley Monroe Adams Harrison Grant Wilson Johnson Smith Davis Miller Clark
    Lewis Cooper Baker Poplar Magnolia Sycamore Laurel Birch Ash Beech Juniper Holly Ivy Rose Lakeview
    Fairview Woodland Hillcrest Riverside Parkway Summit
    """
)
STREET_TYPES = (
    ("Street", "St"), ("Avenue", "Ave"), ("Road", "Rd"), ("Drive", "Dr"), ("Lane", "Ln"),
    ("Boulevard", "Blvd"), ("Court", "Ct"), ("Highway", "Hwy"), ("Circle", "Cir"), ("Parkway", "Pkwy"),
    ("Place", "Pl"), ("Pike", "Pike"),
)  # fmt: skip
DIRECTIONS = (
    ("North", "N"),
    ("South", "S"),
    ("East", "E"),
    ("West", "W"),
    ("Northwest", "NW"),
    ("Southeast", "SE"),
)
FREE_MAIL = _words(
    """
    gmail.com yahoo.com hotmail.com aol.com outlook.com comcast.net icloud.com sbcglobal.net verizon.net
    att.net msn.com live.com bellsouth.net cox.net charter.net ymail.com earthlink.net frontier.com
    windstream.net
    """
)
PLATFORMS = _phrases(
    """
    https://www.facebook.com/{slug} | https://www.yelp.com/biz/{slug} | https://{slug}.wixsite.com/home |
    https://www.instagram.com/{slug}/ | https://{slug}.business.site | https://nextdoor.com/pages/{slug}/ |
    https://www.angi.com/companylist/us/{slug}.htm | https://www.homeadvisor.com/rated.{slug}.html |
    https://www.yellowpages.com/listing/{slug} | https://{slug}.godaddysites.com |
    https://sites.google.com/view/{slug} | https://www.thumbtack.com/pro/{slug} | https://linktr.ee/{slug} |
    https://www.bbb.org/profile/{slug} | https://{slug}.square.site | https://{slug}.weebly.com |
    https://g.page/{slug} | https://m.facebook.com/{slug}/
    """
)
