"""State of a ZIP code by its first three digits: a table that needs no data set and never changes meaning.

Ranges of the ``zipcodes`` package's data, gaps closed; the few prefixes that cross a border have the state of
most of their ZIPs.
"""

from __future__ import annotations

_RANGES = """
NY 005 100-149
PR 006-007 009
VI 008
MA 010-027 055
RI 028-029
NH 030-038
ME 039-049
VT 050-054 056-059
CT 060-069
NJ 070-089
PA 150-196
DE 197-199
DC 200 202-205 569
VA 201 220-246
MD 206-219
WV 247-268
NC 270-289
SC 290-299
GA 300-319 398-399
FL 320-349
AL 350-369
TN 370-385
MS 386-397
KY 400-427
OH 430-459
IN 460-479
MI 480-499
IA 500-528
WI 530-549
MN 550-567
SD 570-577
ND 580-588
MT 590-599
IL 600-629
MO 630-658
KS 660-679
NE 680-693
LA 700-714
AR 716-729
OK 730-732 734-749
TX 733 750-799 885
CO 800-816
WY 820-831
ID 832-838
UT 840-847
AZ 850-865
NM 870-884
NV 889-898
CA 900-961
HI 967-968
GU 969
OR 970-979
WA 980-994
AK 995-999
"""


def _by_prefix() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _RANGES.split("\n"):
        state, *ranges = line.split() or [""]
        for some in ranges:
            first, _, last = some.partition("-")
            found |= {f"{number:03}": state for number in range(int(first), int(last or first) + 1)}
    return found


_STATES = _by_prefix()


def state_of_zip(zip_code: str) -> str:
    """Two-letter code of the state of a ZIP of digits; empty when there is none."""
    return _STATES.get(zip_code[:3], "") if zip_code[:5].isdigit() else ""
