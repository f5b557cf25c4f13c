"""What list makers call their columns.

Names are written as people write them; `compact` makes case, accents, spaces and punctuation irrelevant.
Sources: the export dialogs of HubSpot (display and internal names), Salesforce (report labels and API names)
and Apollo (people and accounts), dealer-scraper files, field names of Google's Places API, and the plain
words people type, in English and in the languages next to it.
"""

from __future__ import annotations

import re
import unicodedata

from sales_agent_dagster.domain.values.text import words

_NOT_ALNUM = re.compile(r"[\W_]+")


def compact(header: str) -> str:
    """Letters and digits of a header, case-folded: ``E-Mail Address`` and ``email_address`` are one.

    So are ``Téléphone`` and ``telephone``: accents are taken apart from their letters and go as punctuation.
    """
    return _NOT_ALNUM.sub("", unicodedata.normalize("NFKD", header)).casefold()


# One line per rank, names divided by "|". A field takes the first usable value in order of rank; two
# columns of one rank cannot both be meant.
_FIELDS = {
    "company_name": """
        company name|company|business name|business|dealer name|dealer|account name|account
        |company / account|organization|organization name|organisation|organisation name|firm|firm name
        |contractor|contractor name|installer|installer name|dba name|trade name|dba|doing business as
        |dba/trade name|name of business|name of company|name of firm|co. name|bus name|org|org name
        |employer|employer name|exhibitor|exhibitor name|vendor|vendor name|supplier|supplier name
        |member company|firma|firmenname|unternehmen|empresa|razon social|nombre de la empresa|societe
        |raison sociale|entreprise|nom de l'entreprise|azienda|ragione sociale|bedrijf|bedrijfsnaam
        company name for emails|associated company|primary associated company|primary company
        legal name|legal business name|business legal name|legal entity name|entity name|registered name
        |organization legal name
        customer name|client|client name|facility name|practice name|provider name|store name|shop name
        |restaurant|restaurant name|location name|listing name|place name|merchant|merchant name|prospect name
        licensee|licensee name|license holder
        """,
    "contact_name": """
        contact name|contact|full name|contact person|contact full name|primary contact|person name|lead name
        |primary contact name|main contact|main contact name|key contact|contact 1|attn|attention
        |business owner|principal|ansprechpartner|persona de contacto
        qualifier|qualifying party|responsible managing employee
        """,
    "contact_first_name": "first name|contact first name|given name|fname|first|contact first|vorname",
    "contact_last_name": "last name|contact last name|surname|family name|lname|last|contact last|nachname",
    "contact_title": "contact title|title|job title|position|role|contact job title",
    "email": """
        email|e-mail|contact email|email address|e-mail address|mail|work email|emails|email id|email addr
        |contact email address|work email address|e-mail-adresse|correo|correo electronico|courriel
        business email|company email|primary email|person email|main email|email 1|business email address
        |company email address|primary email address|public email|office email|owner email
        secondary email|email 2|other email|alternate email|additional email addresses
        tertiary email|email 3
        personal email
        """,
    "phone": """
        phone|telephone|tel|contact phone|phone number|telephone number|work direct phone|direct phone
        |work phone|phone no|phone num|phones|phone numbers|telephone no|tel no|ph|ph no|contact number
        |contact no|contact tel|contact telephone|contact phone number|direct line|direct dial
        |formatted phone number|international phone number|telefon|telefonnummer|telefono|telefoon
        business phone|office phone|main phone|phone 1|business phone number|office phone number
        |main phone number|office number|primary phone|primary phone number|phone (main)|phone (work)
        |phone (office)|phone number 1|telephone 1|tel 1|store phone|location phone
        mobile phone|mobile|cell|cell phone|mobile phone number|mobile number|mobile no|cell number|cell no
        |phone (mobile)|phone (cell)
        corporate phone|hq phone|hq phone number|headquarters phone
        company phone|company phone number|company phone numbers|company telephone|company main phone
        toll free|toll free number|toll free phone
        phone 2|other phone|alternate phone|secondary phone|phone number 2|telephone 2|tel 2|alt phone
        |alternate phone number|phone 3
        home phone
        """,
    "website": """
        website|company website|website url|web|web site|homepage|home page|site|web address|company url
        |website address|web site address|web page|www|homepage url|company site|company website url
        |business website|business url|website link|webseite|sitio web|site web|site internet|sito web
        url
        """,
    "domain": """
        domain|company domain name|company domain|domain name|website domain|root domain|primary domain
        """,
    "linkedin_url": """
        linkedin url|linkedin|person linkedin url|linkedin profile|linkedin profile url|hs_linkedin_url
        |linkedin page|linkedin link|linkedin profile link
        company linkedin url|linkedin company page|company linkedin|linkedin company url
        """,
    "industry": "industry|company industry|primary industry|sector|vertical",
    "company_size": "company size|size|employee range|employees range|company size range",
    "employee_count": """
        employee count|employees|# employees|number of employees|no. of employees|num employees|headcount
        """,
    "annual_revenue": "annual revenue|revenue|estimated revenue|company revenue|annual sales",
    "rating": "rating|star rating|stars|google rating|average rating",
    "review_count": "review count|reviews|number of reviews|reviews count|google reviews|total reviews",
    "oems": """
        oems certified|oems|oem|brands|brands carried|manufacturers|oem brands
        oem certifications
        generator oems
        battery oems
        inverter oems
        microinverter oems
        oem source
        """,
    "oem_count": "oem count|number of oems|brand count|oems count",
    "dealer_tier": "tier|dealer tier|dealer level|oem tier",
    "source_icp_score": "icp score|icp|icp fit score",
    "source_icp_tier": "icp tier",
    "source_resimercial": "resimercial score",
    "source_multi_oem": "multioem score",
    "source_mep_r": "mepr score",
    "source_o_and_m": "om score",
    "do_not_contact": """
        do not contact|do not call|dnc|do not email|email opt out|opt out|opted out|has opted out of email
        |unsubscribed from all email|hs_email_optout|unsubscribed|unsubscribe|globally unsubscribed|suppressed
        """,
    "existing_customer": "existing customer|is customer|customer|current customer",
    "status": """
        lifecycle stage|lead status|status|type|account type|stage|account stage|contact stage|company type
        |customer status|account status|lead stage|relationship
        """,
    "external_id": """
        record id|hs_object_id|record id - contact|external id|lead id
        contact id|apollo contact id|apollo record id
        account id|apollo account id|record id - company
        id
        """,
    "notes": """
        notes|note|contact notes|lead notes
        comments|comment|remarks|memo
        description|company description|short description
        """,
}

OPT_OUT_PREFIX = "optedoutofemail"
"""HubSpot writes one column per subscription: ``Opted out of email: Marketing Information``."""

PLACE_PARTS = {
    "street": """
        street|street address|address 1|address line 1|street 1|address line|street address 1
        |street address line 1|street name|street addr|st. address|addr|addr 1|strasse|calle|rue|straat
        """,
    "street_2": """
        address 2|address line 2|street 2|suite|unit|addr 2|street address 2|street address line 2
        |suite number|unit number
        """,
    "whole": """
        address|address full|full address|complete address|formatted address|location|headquarters|adresse
        |anschrift|direccion|indirizzo|adres
        """,
    "city": """
        city|town|city/town|town/city|city name|locality|municipality|suburb|post town|city, state
        |city, state, zip|ort|stadt|ciudad|ville|citta|plaats
        """,
    "state": """
        state|province|state/province|state/region|state code|st|state name|state abbreviation|state abbr
        |state/prov|provincia
        """,
    "zip": """
        zip|zip code|postal code|zip/postal code|postcode|postal|zip5|zip/postal|zip/post code|pin code|plz
        |postleitzahl|codigo postal|code postal|cap
        """,
    "country": """
        country|country/region|country code|country/territory|country name|nation|land|pais|pays|paese
        """,
}
PLACES = (
    *(
        "billing",
        "company",
        "business",
        "hq",
        "headquarters",
        "corporate",
        "head office",
        "office",
        "physical",
    ),
    *("location", "store", "site", "practice", "primary", "registered", "mailing", "", "address", "work"),
    *("customer", "client", "shipping", "other"),
)
"""Prefixes of address columns, the company's own first; a row's address is the first that has any value."""

_FLAGS = words(
    """
    has_hvac has_solar has_inverters has_microinverters has_generator has_battery has_plumbing
    has_electrical has_roofing has_ops_maintenance has_om_capability is_mep_contractor is_mep_r_contractor
    is_resimercial is_commercial is_residential is_self_performing is_gc is_sub
    """
)
CAPABILITIES = {compact(name): name.partition("_")[2] for name in _FLAGS}
"""Compact header to capability."""

OWN_MEANING = frozenset({"multi_oem_score"})
"""Spellings that look like a known column and are another: this one counts brands by category."""


def _ranks(listing: str) -> list[list[str]]:
    lines = re.sub(r"\s*\n\s*\|", "|", listing.strip()).split("\n")
    return [[name.strip() for name in line.split("|")] for line in lines]


ALIASES: dict[str, tuple[str, int]] = {
    compact(name): (field, rank)
    for field, listing in _FIELDS.items()
    for rank, names in enumerate(_ranks(listing))
    for name in names
}
"""Compact header to field and rank."""

PLACE_ALIASES: dict[str, tuple[str, str]] = {
    compact(f"{prefix} {name}"): (prefix, part)
    for prefix in PLACES
    for part, listing in PLACE_PARTS.items()
    for names in _ranks(listing)
    for name in names
}
"""Compact header to place prefix and part."""

KNOWN_NAMES: dict[str, str] = {
    compact(name): name
    for listing in (*_FIELDS.values(), *PLACE_PARTS.values())
    for names in _ranks(listing)
    for name in names
}
"""Compact header to the name as people write it, for suggestions."""

TRADING_NAMES = frozenset(
    map(compact, ("dba", "dba name", "doing business as", "dba/trade name", "trade name"))
)
"""Compact headers of the name under which a firm trades, beside its own."""
LEGAL_NAMES = frozenset(compact(name) for name in _ranks(_FIELDS["company_name"])[2])
"""Compact headers of the name under which it is registered."""

# Format, headers it must have, headers of which it must have one; the first that fits counts.
_SIGNATURES = (
    (
        "import_9",
        "company name|company website|company size|industry|contact name|contact email|contact phone"
        "|contact title|notes",
        "",
    ),
    ("dealer_scraper", "", "scraped from zip|oem source|oems certified|has generator|is resimercial"),
    ("apollo_people", "company name for emails|first name", ""),
    ("apollo_people", "person linkedin url", ""),
    ("apollo_companies", "", "company name for emails|apollo account id|apollo record id"),
    ("hubspot_contacts", "first name", "lifecycle stage|unsubscribed from all email|hs_object_id|record id"),
    ("hubspot_contacts", "", "record id - contact"),
    ("hubspot_companies", "", "record id|hs_object_id|company domain name|record id - company"),
    ("salesforce_leads", "", "company / account|lead id|is converted"),
    ("salesforce_leads", "last name|company|lead source", ""),
    ("salesforce_contacts", "last name|account name", ""),
    ("salesforce_contacts", "", "mailing city|mailing street"),
    ("salesforce_accounts", "", "billing city|billing street|billing state/province"),
    ("salesforce_accounts", "account name", "account owner|account id"),
)


def known_format(keys: frozenset[str]) -> str:
    """Which layout a header looks like, from its compact names; ``generic`` when none."""
    for name, required, any_of in _SIGNATURES:
        wanted = {compact(header) for header in required.split("|") if header}
        alternatives = {compact(header) for header in any_of.split("|") if header}
        if wanted <= keys and (not alternatives or alternatives & keys):
            return name
    return "generic"


NOT_MEANT: dict[str, frozenset[str]] = {
    name: frozenset({"rating"})
    for name in ("salesforce_leads", "salesforce_accounts", "salesforce_contacts", "hubspot_companies")
}
"""Headers that mean something else in a format: a CRM's rating is Hot, Warm or Cold."""
