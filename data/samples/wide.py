"""Forty made-up dealers in the 70-column layout of dealer-locator exports, each with one of its quirks."""

from __future__ import annotations

import random
from typing import Any

from dealers import Dealer, brand_score, invented_names, slug, words

_DIMENSIONS = ("Resimercial", "MultiOEM", "MEPR", "OM")
_CAPABILITIES = words(
    "has_hvac has_solar has_inverters has_microinverters has_generator has_battery has_plumbing "
    "has_electrical has_roofing has_ops_maintenance has_om_capability is_mep_contractor is_mep_r_contractor "
    "is_resimercial is_commercial is_residential is_self_performing is_gc is_sub"
)
COLUMNS = (
    *words("name phone domain website email street city state zip address_full distance distance_miles"),
    *words("scraped_from_zip collection_date ICP_Score ICP_Tier OEM_Count OEMs_Certified"),
    *(f"{name}_{part}" for name in _DIMENSIONS for part in ("Score", "Evidence")),
    *words("rating review_count tier oem_source oem_certifications certifications"),
    *_CAPABILITIES,
    *words("capability_count mep_score battery_oems inverter_oems microinverter_oems generator_oems"),
    *words("multi_oem_score employee_count estimated_revenue apollo_enriched linkedin_url"),
    *words("linkedin_search_query itc_urgency srec_state_priority coperniq_score adwords_keywords"),
    *words("seo_keywords meta_custom_audience meta_ads_targeting"),
)
_CARD = "8 mi0.0(0)0.0 out of 5 stars. "

# What each row has instead of a clean cell. Cities and ZIPs are real, streets are not.
QUIRKS: tuple[dict[str, Any], ...] = (
    {},
    {"rating": "0", "review_count": "0"},
    {"rating": "6.2"},
    {"state": "TEXAS", "city": "Houston", "zip": "77002"},
    {"state": "New Jersey", "city": "Newark", "zip": "07102"},
    {"state": "ox", "city": "Houston", "zip": "77002", "street": "PO B"},
    {"state": "ew", "city": "", "zip": "", "street": ""},
    {"city": "Springfield, SOUTH CAROLINA 29146", "state": "", "zip": ""},
    {"street": "1200 Example Dr houst", "city": "on", "state": "TX", "zip": "77002"},
    {"street": "1210 Example Dr Aust", "city": "in", "state": "TX", "zip": "78701"},
    {"street": "1220 Example Ave Napl", "city": "es", "state": "FL", "zip": "34102"},
    {"street": "1230 Example St", "city": "reet millbrook", "state": "NY", "zip": "12545"},
    {"street": "1240 Example Ave", "city": "nue oak park", "state": "IL", "zip": "60302"},
    {"street": "1250 Example Rd", "city": "unit c elm grove", "state": "WI", "zip": "53122"},
    {"street": "1260 Example Pike", "city": "n fairview", "state": "TN", "zip": "37062"},
    {"street": f"{_CARD}1270 example dr", "address_full": f"{_CARD}1270 example dr austin, TX 78701"},
    {"phone": "5125550101"},
    {"phone": "(512) 555-0102"},
    {"phone": "512 555-0103"},
    {"phone": "512-555-0104"},
    {"phone": "+15125550105"},
    {"phone": "512-555-0106 / 512-555-0107"},
    {"phone": "555-0108"},
    {"phone": "(512) 555-0109 ext. 21"},
    {"phone": "1-800-555-0110"},
    {"phone": "5125550111.0"},
    {"zip": "2108", "state": "MA", "city": "Boston"},
    {"zip": "7102.0", "state": "NJ", "city": "Newark"},
    {"zip": "03060-1234", "state": "NH", "city": "Nashua"},
    {"zip": "2108", "state": "", "city": "Boston"},
    {"name": "Manage Your Cookie Preferences"},
    {"name": "Accept All Cookies"},
    {"name": "OFFERING"},
    {"name": "Quenlow Electric,"},
    {"name": "STARVEL , GENERATORS &ENERGY"},
    {"name": "MORVANE POWER SYSTEMS - Nashua", "state": "NH", "city": "Nashua", "zip": "03060"},
    {"name": "P. Ellingray Holdings LLC dba Ellingray Generator Service"},
    {"email": "nan", "street": "NaN", "city": "nan", "state": "NaN", "zip": "nan", "rating": "nan"},
    {"website": "www.tarnbeck.example", "domain": "tarnbeck-power.example"},
    {"email": "logo@2x.png", "linkedin_url": "https://www.linkedin.com/company/tarnbeck-example/"},
)

# Resimercial, MEP+R, O&M scores with the evidence a list gives for them.
_PROFILES = (
    ((75, "Elite dealer"), (50, "single trade"), (60, "Elite dealer")),
    ((50, "dealer"), (50, "single trade"), (25, "unclear")),
    ((60, "residential word in name"), (75, "two trades"), (75, "keyword: service")),
    ((100, "residential and commercial words"), (100, "three trades"), (100, "keywords: service, repair")),
    ((40, "unclear"), (50, "single trade"), (50, "service-like name")),
)
_BRAND_SETS = (
    ("Generac",),
    ("Generac", "Cummins"),
    ("Briggs & Stratton",),
    ("Generac", "Kohler", "Briggs & Stratton"),
    ("Kohler",),
    ("Generac", "Tesla"),
    ("Enphase", "SolarEdge", "Tesla"),
)


def rows(rng: random.Random) -> list[dict[str, Any]]:
    """One row per quirk: cells by column, columns without a value left out."""
    names = invented_names(rng)
    return [
        _row(number, f"{name} Power", quirk)
        for number, (name, quirk) in enumerate(zip(names, QUIRKS, strict=False))
    ]


def _row(number: int, name: str, quirk: dict[str, Any]) -> dict[str, Any]:
    brands = _BRAND_SETS[number % len(_BRAND_SETS)]
    (resimercial, mep_r, o_and_m) = _PROFILES[number % len(_PROFILES)]
    multi_oem = (brand_score(brands), f"{len(brands)} OEMs: {', '.join(brands)}")
    scored = (resimercial, multi_oem, mep_r, o_and_m)
    scores = tuple(float(score) for score, _ in scored)
    dealer = Dealer(name, "", brands, scores)  # type: ignore[arg-type]
    domain = f"{slug(name)}.example"
    row: dict[str, Any] = {
        "name": name,
        "phone": f"(512) 555-01{number + 20:02d}",
        "domain": domain,
        "website": f"https://www.{domain}/",
        "email": "",
        "street": f"{100 + number} Example Blvd",
        "city": "Austin",
        "state": "TX",
        "zip": "78701",
        "address_full": f"{100 + number} Example Blvd, Austin, TX 78701",
        "distance": f"{number + 1} mi0.0(0)0.0 out of 5 stars",
        "distance_miles": f"{number + 1}.0",
        "scraped_from_zip": "78701",
        "collection_date": "2026-01-15",
        "ICP_Score": dealer.icp_score,
        "ICP_Tier": dealer.icp_tier,
        "OEM_Count": len(brands),
        "OEMs_Certified": ", ".join(brands),
        "rating": f"{3.1 + number % 19 / 10:.1f}",
        "review_count": 3 + 7 * number,
        "tier": "Elite Plus" if resimercial[1].startswith("Elite") else "Authorized",
        "oem_source": brands[0],
        "oem_certifications": ", ".join(brands),
        "capability_count": 1,
        "mep_score": 10,
        "multi_oem_score": 25 * len(brands),
        "employee_count": "" if number % 3 else 5 + number,
        **dict.fromkeys(_CAPABILITIES, "False"),
    }
    for dimension, (score, evidence) in zip(_DIMENSIONS, scored, strict=True):
        row |= {f"{dimension}_Score": float(score), f"{dimension}_Evidence": evidence}
    # The flags of such lists say little: true for a few brands' equipment, false or empty for the rest.
    row |= {"has_generator": "True", "has_battery": "True" if "Tesla" in brands else "", "has_plumbing": ""}
    return row | quirk
