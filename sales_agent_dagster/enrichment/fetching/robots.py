"""What robots.txt files say (RFC 9309), remembered per origin."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from protego import Protego

MAX_BYTES = 512_000
"""RFC 9309 wants at least 500 KiB to be read."""

REDIRECTS = 5
"""RFC 9309: at least five are followed; after them the file counts as missing."""

KEPT_S = 24 * 3600.0
"""RFC 9309: a copy must not be used for longer."""

KEPT_CHARACTERS = 65_536
"""A longer file is read again each time: a few sites must not fill the memory."""

UNKNOWN_KEPT_S = 600.0
"""How long a file that could not be read is a no."""

MOST = 1024
"""Origins remembered."""


@dataclass(frozen=True, slots=True)
class RobotRules:
    """What one origin lets us do.

    Attributes:
        rules: its file; None without one.
        readable: False while the file cannot be read, which forbids everything for now.
        delay_s: pause that it wants between requests.
        characters: length of the file.
    """

    rules: Protego | None = None
    readable: bool = True
    delay_s: float = 0.0
    characters: int = 0

    def allow(self, url: str, agent: str) -> bool:
        """True when the agent may fetch the URL."""
        return self.readable and (self.rules is None or self.rules.can_fetch(url, agent))


ABSENT = RobotRules()
UNKNOWN = RobotRules(readable=False)


def read_rules(text: str, agent: str) -> RobotRules:
    """The rules of a file for an agent."""
    rules = Protego.parse(text)
    delay_s = rules.crawl_delay(agent) or 0.0
    return RobotRules(rules, True, delay_s if isfinite(delay_s) and delay_s > 0 else 0.0, len(text))


def rules_of_status(status: int) -> RobotRules | None:
    """What a status other than 2xx means: 4xx that there is no file, 5xx and 429 that it is a no for now.

    None: the file's text decides.
    """
    if 200 <= status < 300:
        return None
    return ABSENT if 400 <= status < 500 and status != 429 else UNKNOWN


class RobotsCache:
    """Rules by origin, the last ones used."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rules: OrderedDict[str, tuple[float, RobotRules]] = OrderedDict()

    def get(self, origin: str) -> RobotRules | None:
        """What is known of an origin, unless it is too old."""
        entry = self._rules.get(origin)
        if entry is None or entry[0] <= self._clock():
            return None
        self._rules.move_to_end(origin)
        return entry[1]

    def put(self, origin: str, rules: RobotRules) -> None:
        """Remember."""
        if rules.characters > KEPT_CHARACTERS:
            return
        kept_s = KEPT_S if rules.readable else UNKNOWN_KEPT_S
        self._rules[origin] = (self._clock() + kept_s, rules)
        self._rules.move_to_end(origin)
        while len(self._rules) > MOST:
            self._rules.popitem(last=False)
