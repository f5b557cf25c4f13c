"""When a call is tried again. Nothing else in the package tries a call again."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryRules:
    """Full jitter: a random wait up to an exponentially growing bound, so that callers spread out.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

    Attributes:
        attempts: most requests for one answer, the first included. Refusals for being too many do not count
            while the provider answers others.
        base_s: bound of the first wait, seconds; it doubles each time up to ``cap_s``.
    """

    attempts: int = 4
    base_s: float = 0.25
    cap_s: float = 4.0

    def wait_after(self, failed: int, retry_after_s: float | None, dice: random.Random) -> float | None:
        """Seconds to wait after the ``failed``-th failed request; None when there is no further one.

        What the provider asked for (``retry_after_s``) is waited in full, the jitter comes on top.
        """
        if failed >= self.attempts:
            return None
        bound = min(self.cap_s, self.base_s * 2 ** max(0, failed - 1))
        return (retry_after_s or 0.0) + dice.uniform(0.0, bound)
