"""Tokens before the provider has counted them: what a call reserves of the limit per minute."""

from __future__ import annotations

from typing import Literal

ReasoningEffort = Literal["none", "low", "medium", "high"]

BYTES_PER_TOKEN = 3
"""UTF-8 bytes of a token, low. English prose has about four, JSON and names about three."""

MESSAGE_TOKENS = 8
"""Tokens that mark where a message begins and ends, high."""

MORE_THOUGHTS: dict[ReasoningEffort, int] = {"none": 0, "low": 0, "medium": 1500, "high": 6000}
"""Tokens of reasoning beyond those at low effort. ``max_completion_tokens`` includes them: without room for
them an answer comes back cut or empty."""


def estimate_tokens(size: int, messages: int) -> int:
    """Upper estimate of the input tokens of a request.

    Args:
        size: bytes of the messages' text in UTF-8, as JSON or not.
        messages: how many there are.
    """
    return -(-size // BYTES_PER_TOKEN) + MESSAGE_TOKENS * messages


def completion_limit(at_low_effort: int, effort: ReasoningEffort) -> int:
    """``max_completion_tokens`` of an answer that takes ``at_low_effort``, thoughts included."""
    return at_low_effort + MORE_THOUGHTS[effort]
