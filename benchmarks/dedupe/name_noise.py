"""What happens to a company's name on its way into a list. Each function changes one name in one way.

All take the name and a ``random.Random``; those that need more say so.
"""

from __future__ import annotations

from random import Random

_NEIGHBOURS = {
    "q": "wa", "w": "qes", "e": "wrd", "r": "etf", "t": "ryg", "y": "tuh", "u": "yij", "i": "uok", "o": "ipl",
    "p": "ol", "a": "qsz", "s": "adw", "d": "sfe", "f": "dgr", "g": "fht", "h": "gjy", "j": "hku", "k": "jli",
    "l": "kop", "z": "xa", "x": "zcs", "c": "xvd", "v": "cbf", "b": "vng", "n": "bmh", "m": "nj",
}  # fmt: skip
_MOJIBAKE = {"'": "â€™", "&": "&amp;amp;", "-": "â€“", " ": "Â "}
_NUMBERS = {
    "One": "1",
    "1": "One",
    "First": "1st",
    "Second": "2nd",
    "Two": "2",
    "Three": "3",
    "All-Star": "All Star",
}


def typo(name: str, random: Random) -> str:
    """A slip of the keyboard: neighbour key, transposition, missing or doubled letter; sometimes two."""
    for _ in range(2 if random.random() < 0.2 else 1):
        places = [index for index in range(1, len(name)) if name[index].isalpha()]
        if not places:
            return name
        at = random.choice(places)
        letter = name[at]
        kind = random.randrange(4)
        if kind == 0:
            near = random.choice(_NEIGHBOURS.get(letter.lower(), letter))
            name = name[:at] + (near.upper() if letter.isupper() else near) + name[at + 1 :]
        elif kind == 1:
            name = name[: at - 1] + letter + name[at - 1] + name[at + 1 :]
        elif kind == 2:
            name = name[:at] + name[at + 1 :]
        else:
            name = name[:at] + letter + name[at:]
    return name


def abbreviate(name: str, random: Random, short: dict[str, tuple[str, ...]]) -> str:
    """Words in a short form, with or without a full stop: at least one if any has one."""
    known = [word for word in name.split() if word in short]
    chosen = {word for word in known if random.random() < 0.5} or set(known[:1])
    stop = random.choice(("", "", "."))
    return " ".join(random.choice(short[word]) + stop if word in chosen else word for word in name.split())


def ampersand(name: str, random: Random) -> str:
    """``&`` written another way, or ``and`` as a sign."""
    if " & " in name:
        sign = random.choice((" and ", " And ", " + ", " n ", "&", " & ", ", ", "/"))
        return name.replace(" & ", sign)
    return name.replace(" and ", " & ")


def drop_word(name: str, random: Random) -> str:
    """A word left out, the first one rarely; names of one word stay."""
    spoken = name.split()
    if len(spoken) < 2:
        return name
    at = 0 if len(spoken) > 2 and random.random() < 0.1 else random.randrange(1, len(spoken))
    del spoken[at]
    while len(spoken) > 1 and spoken[-1] == "&":
        spoken.pop()
    return " ".join(spoken)


def swap_words(name: str, random: Random) -> str:
    """Two neighbouring words in the other order, or the first word at the end after a comma."""
    spoken = name.split()
    if len(spoken) < 2:
        return name
    if random.random() < 0.3:
        return " ".join(spoken[1:]) + ", " + spoken[0]
    at = random.randrange(len(spoken) - 1)
    spoken[at], spoken[at + 1] = spoken[at + 1], spoken[at]
    return " ".join(spoken)


def join_words(name: str, random: Random) -> str:
    """Two words run together, or a long word cut in two."""
    spoken = name.split()
    if len(spoken) > 1 and random.random() < 0.8:
        at = random.randrange(len(spoken) - 1)
        spoken[at : at + 2] = [spoken[at] + spoken[at + 1]]
        return " ".join(spoken)
    longest = max(spoken, key=len, default="")
    if len(longest) < 7:
        return name
    at = random.randrange(3, len(longest) - 2)
    return name.replace(longest, longest[:at] + " " + longest[at:], 1)


def the(name: str, random: Random) -> str:
    """A leading article."""
    return name[4:] if name.startswith("The ") else "The " + name


def plural(name: str, random: Random) -> str:
    """One word in the plural or singular, or an apostrophe gained or lost."""
    if "'s" in name:
        return name.replace("'s", "s" if random.random() < 0.7 else "")
    spoken = name.split()
    at = random.randrange(len(spoken)) if spoken else 0
    if spoken and len(spoken[at]) > 3:
        spoken[at] = spoken[at][:-1] if spoken[at].endswith("s") else spoken[at] + "s"
    return " ".join(spoken)


def dba(name: str, random: Random, owner: tuple[str, str]) -> str:
    """The legal person in front of the trade name."""
    first, last = owner
    person = random.choice(
        (f"{last} Enterprises LLC", f"{first} {last}", f"{last} Holdings Inc", f"{last} Group LLC")
    )
    return f"{person} {random.choice(('dba', 'DBA', 'd/b/a', 'D.B.A.', 't/a'))} {name}"


def append_city(name: str, random: Random, city: str, state: str) -> str:
    """The town after the name, as listings with several locations do."""
    return name + random.choice((f" - {city}", f" ({city})", f" of {city}", f", {city} {state}", f" {city}"))


def rename(name: str, random: Random, owner: tuple[str, str], trades: tuple[str, ...]) -> str:
    """Another name altogether: the owner's, or a new brand."""
    if random.random() < 0.5:
        return f"{owner[0]} {owner[1]} {random.choice(trades)}"
    return f"{owner[1]} {random.choice(trades)} {random.choice(('Group', 'Services', 'Co'))}"


def initials(name: str, random: Random) -> str:
    """All words as one set of initials, if there are three or more."""
    spoken = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in spoken).upper() if len(spoken) > 2 else name


def entities(name: str, random: Random) -> str:
    """Markup left in the text."""
    return name.replace("&", "&amp;").replace("'", random.choice(("&#39;", "&rsquo;"))) + random.choice(
        ("", "<br>")
    )


def mojibake(name: str, random: Random) -> str:
    """UTF-8 read as Windows-1252, or a character beyond ASCII instead of a plain one."""
    wrong = random.choice([sign for sign in _MOJIBAKE if sign in name] or [""])
    return name.replace(wrong, _MOJIBAKE[wrong], 1) if wrong else name


def numerals(name: str, random: Random) -> str:
    """Numbers as digits or as words."""
    return " ".join(_NUMBERS.get(word, word) for word in name.split())


def as_case(name: str, case: str) -> str:
    """The name as a source writes it: ``title``, ``upper``, ``lower`` or ``as_is``."""
    if case == "upper":
        return name.upper()
    if case == "lower":
        return name.lower()
    if case == "title":
        return " ".join(word[:1].upper() + word[1:].lower() for word in name.split(" "))
    return name
