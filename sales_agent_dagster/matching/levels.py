"""Fields that are compared, and the levels of agreement of each."""

from __future__ import annotations

LEVELS: dict[str, tuple[str, ...]] = {
    "name": ("unknown", "equal", "alike", "contained", "overlapping", "related", "different"),
    "phone": ("unknown", "equal", "one digit off", "other, toll-free", "other, same area", "other area"),
    "web": ("unknown", "equal", "alike", "related", "different"),
    "email": ("unknown", "equal", "alike", "same domain", "different", "other domain"),
    "linkedin": ("unknown", "equal", "alike", "different"),
    "street": ("unknown", "equal", "other unit", "alike", "same street", "different"),
    "place": ("unknown", "equal", "same city", "same zip", "near", "other town", "other state"),
    "contact": ("unknown", "equal", "alike", "different"),
}
"""Field to its levels; the first says nothing: unknown on one side, or what all branches of a chain share."""

FIELDS: tuple[str, ...] = tuple(LEVELS)
NAME, PHONE, WEB, EMAIL, LINKEDIN, STREET, PLACE, CONTACT = range(len(FIELDS))

VALUED: dict[str, tuple[int, ...]] = {
    "name": (1, 2, 3, 4, 5),
    "phone": (1,),
    "web": (1,),
    "email": (1, 3),
    "linkedin": (1,),
    "street": (1, 2),
    "place": (1, 2, 3),
    "contact": (1,),
}
"""Levels that are agreement on a value: how likely it is by chance depends on how many hold the value."""

DIFFERING: dict[str, tuple[int, ...]] = {
    "name": (6,),
    "phone": (5,),
    "web": (2, 3, 4),
    "email": (2, 4, 5),
    "linkedin": (2, 3),
    "street": (4, 5),
    "place": (4, 5, 6),
    "contact": (2, 3),
}
"""Levels that no list can teach to speak for a match, which namesakes taken for matches would do."""

SPREADING: tuple[str, ...] = ("name", "phone", "web", "email", "street")
"""Fields whose equal value may be held by one firm alone."""

LONE = 7
"""Slot of an equal value that no other firm seems to hold; above every level."""
SLOTS = 8
"""Slots per field in tables of weights."""

ALTERNATIVES: tuple[str, ...] = ("branch", "address", "line", "sister")
"""Other firms that agree on much: of one brand, in one building, on one phone, of one owner."""
