"""Company names: junk, noise, trade names, legal forms, readable capitals."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from sales_agent_dagster.domain.values.text import decode_entities, words

LEGAL_FORMS = {
    "LLC": "LLC", "L.L.C": "LLC", "INC": "Inc", "INCORPORATED": "Inc", "CORP": "Corp", "CORPORATION": "Corp",
    "LTD": "Ltd", "LIMITED": "Ltd", "LLP": "LLP", "L.L.P": "LLP", "LP": "LP", "L.P": "LP", "PLLC": "PLLC",
    "P.L.L.C": "PLLC", "P.C": "PC", "P.A": "PA", "PLC": "PLC", "GMBH": "GmbH", "PTY": "Pty",
}  # fmt: skip
"""Forms cut from the end of a name. "Co" and "Company" stay: people say them as part of the name."""

_STEPS = (
    (re.compile(r"\s+"), " "),
    (re.compile(r"\s+(?=[,;](?:\s|$))"), ""),
    (re.compile(r"\s+\.(?=\s|$)"), "."),
    (re.compile(r",[,;]+"), ","),
    (re.compile(r"(?<=\s)&(?=[^\s&])"), "& "),
    (re.compile(r"(?<=[^\s&])&(?=\s)"), " &"),
    (re.compile(r"(?<=[^\s-])- "), " - "),
)
_EDGES = " ,;:|*_-"
_DBA = re.compile(
    r"(?:\(\s*|\b)(?:d\s*/\s*b\s*/\s*a|d\.\s?b\.\s?a\.?|dba|doing business as)\b[.:,)]*", re.IGNORECASE
)

_JUNK_WORDS = words(
    """
    cookie cookies consent privacy preferences javascript captcha offering offerings untitled undefined
    company_name dealer_name business_name account_name companyname loading lorem page forbidden denied
    directions dealer dealers locator details profile quote results login sign subscribe newsletter menu
    test asdf sample company name null nan browser more
    """
)
_JUNK = re.compile(
    r"(?:manage|set|your|change|edit|update|customi[sz]e|open)\s"
    r".*(?:preferences|consent|cookies?|privacy).*"
    r"|(?:accept|reject|allow|decline|deny|enable|block)\s.*(?:cookies?|tracking)"
    r"|(?:we|this (?:web)?site) uses?\s.*cookies.*"
    r"|.*cookie (?:policy|settings|preferences|consent|notice|banner)"
    r"|cookies?|privacy(?: (?:policy|preferences|settings|preference center|notice|choices))?|consent"
    r"|.*enable javascript.*|(?:404|403|error)?[\s-]*page not found.*|access denied"
    r"|(?:403 )?forbidden|.*captcha.*"
    r"|(?:view|see|show|read|learn|load)\s(?:more|all|details|profile|dealers?|results)(?:\s.*)?|loading\W*"
    r"|get directions?|(?:request|get) an? (?:free )?quote|(?:find|locate) an? dealer|dealer locator"
    r"|(?:log ?in|sign (?:in|up|out)|subscribe|newsletter|menu|untitled|undefined|offerings?|details|results)"
    r"|(?:your |the )?browser (?:is|does).*|lorem ipsum.*"
    r"|(?:test|sample)(?: (?:company|lead|name|dealer))?\s?\d*"
    r"|asdf\w*|(?:company|dealer|business|account)[ _-]?name|nan|null",
)

# Words that are in capitals or two or three letters long but are no acronyms.
_SHORT_WORDS = words(
    """
    gen doc ver ari ace add age aid aim air all and any are arm art bad bar bay bed bee bet big bit bob
    box boy bro bug bus but buy can cap car cat cow cut dan day den dew did dig dog don dot dry due ear
    east eco edd egg elk elm end era eve eye fan far fax fay fin fix flo fly fog for fox fun gas gay gem
    get got gun guy had ham has hat hay her hey hi hot how hub ian ice ink inn ira ivy jack jay jim job
    joe jon joy ken key kid kim kit lab law lay lee leo let lew log lou low mac man map max may men met
    mid min mix mod mud net new nor not now oak oil old one our out own pal pat pay pet pit pop pro ray
    red rio rob rod ron roy run rye sal sam san sea set she six sky sol son sub sue sum sun ted ten tex
    the tim tip tom too top toy tri try two use van vic via von war was way web wes win wow yes yet you
    zen zip be by de del el go he if in is it la las le los me my no of on or so to up we an as at do ed
    al bo cy jo mt st ft dr mr jr sr svc svcs srv srvs serv htg plbg mfg bldg bros elec co inc ltd corp
    cont contr mech refrig appl sys spec const blvd
    """
)
_SMALL = words("of and the for in at by on to an or")
_ACRONYMS = words("HVAC HVACR IBEW NECA USA LLLP PLLC ASAP NYC OEM EVSE AAAA YMCA NASCAR BESS MEPS")
_LETTER = re.compile(r"[^\W\d_]")
_LETTERS = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_ORDINAL = re.compile(r"\d+(?:ST|ND|RD|TH)\W*")
_VOWEL = re.compile(r"[AEIOUY\u00c0-\u00dc]")


class Name(NamedTuple):
    """A cleaned company name; ``display`` is never empty unless the input was."""

    display: str
    legal_form: str | None
    repairs: tuple[str, ...]


def clean_company(text: str) -> Name:
    """Display name and legal form of a name as listed.

    Cuts dangling punctuation, loose ampersands and the part before "dba"; cuts the legal form from the end
    or from before `` - Branch``; makes capitals readable (`readable_case`). Never leaves nothing. Applying it
    to its own display name changes nothing.
    """
    repairs = []
    name = decode_entities(text) if "&" in text and ";" in text else text
    if name != text:
        repairs.append("text_decoded")
    tidied = _tidied(name)
    if tidied != name:
        repairs.append("name_punctuation")
    trade_name = _tidied(_trade_name(tidied))
    if trade_name != tidied:
        repairs.append("name_dba")
    short, legal_form = _without_legal_form(trade_name)
    short = _tidied(short)
    display = readable_case(short)
    if display != short:
        repairs.append("name_case")
    return Name(display, legal_form, tuple(repairs))


def _is_noisy(name: str) -> bool:
    """A quick look for anything that `_tidied` might change: most names have nothing of it."""
    if "  " in name or not name:
        return bool(name)
    if "&" in name:
        name = name.replace(" & ", "&")
    if "-" in name:
        name = name.replace(" - ", "-")
    return (
        name[:1] in _EDGES
        or name[-1] in _EDGES
        or " ," in name
        or " &" in name
        or "& " in name
        or "- " in name
        or " ;" in name
        or " ." in name
        or ",," in name
        or ",;" in name
        or not name.isprintable()
    )


def _tidied(name: str) -> str:
    before = None
    while name != before and _is_noisy(name):  # what one step cuts may bare what another one cuts
        before = name
        for pattern, replacement in _STEPS:
            name = pattern.sub(replacement, name)
        name = name.strip(_EDGES) or name.strip() or name
    return name


def _trade_name(name: str) -> str:
    """``B`` of ``A dba B``; ``A`` when nothing follows."""
    lower = name.casefold()
    if not ("dba" in lower or "d/" in lower or "d." in lower or "d /" in lower or "doing business" in lower):
        return name
    parts = [part.strip(_EDGES + "()") for part in _DBA.split(name)]
    return next((part for part in reversed(parts) if _LETTER.search(part)), name) if parts[1:] else name


def _without_legal_form(name: str) -> tuple[str, str | None]:
    name, legal_form = _cut_legal_form(name)
    left, dash, branch = name.partition(" - ")
    if not dash:
        return name, legal_form
    left, form_before_branch = _cut_legal_form(left)
    return left + dash + branch, form_before_branch or legal_form


def _cut_legal_form(name: str) -> tuple[str, str | None]:
    legal_form = None
    while True:
        head, _, tail = name.rpartition(" ")
        form = LEGAL_FORMS.get(tail.strip(".,()").upper())
        head = head.rstrip(_EDGES)
        if form is None or not _LETTER.search(head):
            return name, legal_form
        name = head
        legal_form = legal_form or form


def readable_case(name: str) -> str:
    """A name all in capitals, or all in small letters, in title case; mixed case is left as it is.

    Words of four letters or more that have a vowel are capitalised, and short words that are known to be no
    acronyms; everything else (``HVAC``, ``A/C``, ``Q.Z.``, ``QZX``, ``A1``, ``NW``) keeps or gets capitals.
    A name that is one word of four letters or fewer is taken for an acronym. Coined words cannot be told
    from ordinary ones: ``EXAMTRON`` becomes ``Examtron``.
    """
    if name.isupper():
        capitals = name
    elif name.islower() and " " in name:
        capitals = name.upper()
    else:
        return name
    if len(capitals) <= 4:
        return capitals
    *others, last = capitals.split(" ")
    cased = " ".join([*map(_token, others), _last_token(last)])
    return cased[0].upper() + cased[1:] if cased[0].islower() else cased


@lru_cache(maxsize=32768)
def _token(token: str) -> str:
    return token.lower() if token.lower() in _SMALL else _last_token(token)


@lru_cache(maxsize=32768)
def _last_token(token: str) -> str:
    """Like any other, but ``OF IN`` and ``OF OR`` at the end are states."""
    return token.lower() if _ORDINAL.fullmatch(token) else _LETTERS.sub(_word, token)


def _word(match: re.Match[str]) -> str:
    word = match[0]
    stem, apostrophe, tail = word.partition("'")
    if apostrophe:
        return f"{_cased(stem)}'{tail.lower() if len(tail) <= 2 else _cased(tail)}"
    return _cased(word)


def _cased(word: str) -> str:
    if word in _ACRONYMS:
        return word
    if word.startswith("MC") and len(word) >= 5:
        return "Mc" + word[2:].capitalize()
    ordinary = word.lower() in _SHORT_WORDS or (len(word) >= 4 and _VOWEL.search(word))
    return word.capitalize() if ordinary else word


def is_junk(name: str) -> bool:
    """True for what scrapers take for a name: consent dialogs, buttons, table words, test rows."""
    parts = name.casefold().rstrip(" .!\u2026").split()
    if _JUNK_WORDS.isdisjoint(parts):
        return not _LETTER.search(name)
    return _JUNK.fullmatch(" ".join(parts)) is not None


def name_of_domain(domain: str) -> str:
    """A readable name from a registrable domain: ``acme-electric.com`` gives ``Acme Electric``."""
    label = domain.partition(".")[0]
    if label.startswith("xn--"):
        label = label.encode("ascii").decode("idna")
    return " ".join(word.capitalize() for word in label.split("-") if word)
