"""Names of the repairs and flags that an import writes into ``imported_leads.repairs``.

Stable: people filter by them.
"""

from __future__ import annotations

REPAIRS: dict[str, str] = {
    # Any cell.
    "row_padded": "The row had fewer cells than the header; the missing ones are empty.",
    "row_trimmed": "The row had empty cells beyond the header; they were dropped.",
    "text_cut": "A cell longer than its column allows was cut.",
    "text_decoded": "UTF-8 text that had been read as Windows-1252, or HTML entities, were decoded.",
    "number_invalid": "Flag: a numeric cell holds no number; left out.",
    "number_out_of_range": "Flag: a score beyond 0-100 or a negative or absurd quantity; left out.",
    # Names.
    "name_case": "Name in capitals or small letters put into title case.",
    "name_punctuation": "Spacing, dangling commas and loose ampersands in the name repaired.",
    "name_dba": "Trade name taken from 'A dba B'.",
    "name_from_domain": "No company name in the row: made from its website or e-mail domain.",
    "contact_case": "Person's name in capitals or small letters put into title case.",
    "contact_reordered": "'Last, First' turned round.",
    # Phone and e-mail.
    "phone_split": "Several numbers in one cell: the first two kept.",
    "phone_vanity": "Letters in a number turned into digits.",
    "phone_invalid": "Flag: not a valid number; left out.",
    "email_several": "Several addresses in one cell: the first valid one kept.",
    "email_cleaned": "Address freed from a name, 'mailto:', brackets or stray punctuation.",
    "email_invalid": "Flag: not an e-mail address; left out.",
    "email_from_website": "E-mail address found in the website column.",
    # Web.
    "website_cleaned": "Web address repaired: scheme, case, port, tracking, several in one cell.",
    "website_from_domain": "Website made from the domain the row states.",
    "website_invalid": "Flag: not a web address; left out.",
    "website_was_linkedin": "LinkedIn page found in the website column.",
    "domain_disagrees": "Flag: the domain the row states is not the website's.",
    "linkedin_invalid": "Flag: not a LinkedIn page; left out.",
    # Place.
    "street_prefix": "Scraped card text (distance, stars) cut from the street.",
    "address_split": "Street, city, state or ZIP taken from a cell that held several of them.",
    "city_rejoined": "City cut in the middle put together again; its ZIP or state confirms it.",
    "city_stripped": "Leftovers of the street moved out of the city; its ZIP or state confirms it.",
    "city_case": "City put into title case.",
    "city_unconfirmed": "Flag: the city looks cut or polluted and nothing confirms it; kept as it is.",
    "state_code": "State's name or lower-case code turned into its two-letter code.",
    "state_invalid": "Flag: not a US state or territory; left out.",
    "state_from_zip": "State missing or unusable: the ZIP's.",
    "state_zip_mismatch": "Flag: the ZIP lies in another state.",
    "zip_padded": "Leading zeros that a spreadsheet dropped restored; the state agrees.",
    "zip_invalid": "Flag: not a ZIP code, or zeros are missing and no state agrees; left out.",
    "address_not_us": "Flag: the country is not the US; state and ZIP left out.",
    # Quantities.
    "rating_zero": "Rating 0 means no rating.",
    "rating_out_of_range": "Flag: a rating below 0 or above 5; left out.",
    "reviews_zero": "Review count 0 means none known.",
    "size_date": "Size that a spreadsheet had turned into a date ('10-Jan' is 1-10) restored.",
    "employees_range": "Employee count given as a range: kept as company size.",
    "oem_count_disagrees": "Flag: the stated number of brands is not the number of brands listed.",
    "notes_parsed": "Score, tier, domain or brands parsed from the notes.",
}
"""Rule name to what it did. Entries that begin with ``Flag:`` mark a doubt, the others a change."""
