"""What all vendors' webhooks share: a delivery that is not signed, fresh and new is refused."""

from __future__ import annotations

from sales_agent_dagster.domain.errors import PermanentError

WINDOW_S = 300
"""Most seconds that a delivery's time may be off ours, either way: what Close and HubSpot both advise."""


class DeliveryRefused(PermanentError):
    """A delivery that must not be taken.

    Args:
        code: ``"unsigned"``, ``"old"``, ``"signature"``, ``"body"`` or ``"replayed"``.
        message: for the log; says nothing of the key.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
