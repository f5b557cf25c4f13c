"""How sources write phones, sites, mailboxes and addresses, and what they get wrong."""

from __future__ import annotations

from random import Random

_PATHS = ("/", "/contact", "/home", "/about-us", "/index.html", "/locations", "/contact-us/")
_TRACKING = ("?utm_source=gmb", "/?utm_source=google&utm_medium=organic", "?ref=listing", "/?gclid=abc123")
_TLDS = (".net", ".com", ".co", ".us", ".biz", ".info", ".org")
_RESIDUE = (
    "{miles} mi ",
    "{rating} ({count}) ",
    "{rating} stars ",
    "Open 24 hours ",
    "{miles} miles away ",
    "{count}. ",
)


def phone_text(digits: str, form: str, random: Random) -> str:
    """Ten digits as a source writes them."""
    area, exchange, line = digits[:3], digits[3:6], digits[6:]
    texts = {
        "paren": f"({area}) {exchange}-{line}",
        "dash": f"{area}-{exchange}-{line}",
        "dot": f"{area}.{exchange}.{line}",
        "plain": digits,
        "plus": f"+1{digits}",
        "space": f"{area} {exchange} {line}",
        "one": f"1-{area}-{exchange}-{line}",
    }
    return texts[form]


def wrong_digit(digits: str, random: Random) -> str:
    """One of the last seven digits wrong, or two of them exchanged."""
    at = random.randrange(4, 10)
    if random.random() < 0.4:
        return digits[: at - 1] + digits[at] + digits[at - 1] + digits[at + 1 :]
    return digits[:at] + str((int(digits[at]) + random.randrange(1, 10)) % 10) + digits[at + 1 :]


def url_text(host: str, form: str, random: Random) -> str:
    """A company's own host as a source writes it; empty stays empty."""
    if not host:
        return ""
    texts = {
        "https_www": f"https://www.{host}/",
        "http": f"http://{host}",
        "bare": host,
        "www": f"www.{host}",
        "path": f"https://{host}{random.choice(_PATHS)}",
        "tracking": f"https://www.{host}{random.choice(_TRACKING)}",
    }
    return texts[form]


def other_tld(host: str, random: Random) -> str:
    """The same name under another top-level domain."""
    stem, _, old = host.rpartition(".")
    return stem + random.choice([tld for tld in _TLDS if tld != "." + old]) if stem else host


def misspelt_host(host: str, random: Random) -> str:
    """One letter of the name lost or doubled, a hyphen gained or lost."""
    stem, _, tld = host.rpartition(".")
    if len(stem) < 4:
        return host
    if "-" in stem and random.random() < 0.5:
        return f"{stem.replace('-', '')}.{tld}"
    at = random.randrange(1, len(stem) - 1)
    stem = stem[:at] + random.choice(("", stem[at] * 2, stem[at + 1] + stem[at])) + stem[at + 1 :]
    return f"{stem}.{tld}"


def linkedin_text(slug: str, random: Random) -> str:
    """A company page as people copy it."""
    if not slug:
        return ""
    start = random.choice(
        ("https://www.linkedin.com", "http://linkedin.com", "linkedin.com", "https://linkedin.com")
    )
    return f"{start}/company/{slug}{random.choice(('', '/', '/about/', ''))}"


def residue(street: str, random: Random) -> str:
    """A street with what stood beside it on the listing glued in front."""
    glued = random.choice(_RESIDUE).format(
        miles=f"{random.uniform(0.1, 60):.1f}",
        rating=f"{random.uniform(2.5, 5):.1f}",
        count=random.randrange(2, 900),
    )
    return glued + street


def typo_street(street: str, random: Random) -> str:
    """A letter lost, or the number wrong by a digit."""
    letters = [index for index, sign in enumerate(street) if sign.isalpha()]
    digits = [index for index, sign in enumerate(street) if sign.isdigit()]
    if digits and random.random() < 0.3:
        at = random.choice(digits)
        return street[:at] + str((int(street[at]) + 1) % 10) + street[at + 1 :]
    if len(letters) < 4:
        return street
    at = random.choice(letters[1:])
    return street[:at] + street[at + 1 :]


def zip_text(zip_code: str, form: str, random: Random) -> str:
    """Five digits as a source writes them."""
    if form == "plus_four" and zip_code:
        return f"{zip_code}-{random.randrange(1, 9999):04d}"
    if form == "number":
        return zip_code.lstrip("0")
    return zip_code


def city_text(city: str, random: Random) -> str:
    """``Saint`` and ``Fort`` the other way, or a slip."""
    for long, short in (("Saint ", "St. "), ("Fort ", "Ft "), ("Mount ", "Mt. "), ("North ", "N ")):
        if city.startswith(long):
            return short + city[len(long) :]
    if len(city) < 5:
        return city
    at = random.randrange(1, len(city) - 1)
    return city[:at] + city[at + 1 :] if random.random() < 0.5 else city[:at] + city[at] + city[at:]
