"""What a server that speaks nearly the same API does not take of a request: learned from its refusals.

A refusal with 400 or 422 that names a part of the request is no fault of the question: it is asked once more
without that part, and so is every later one of the model. Nothing else is changed, and a refusal that names
nothing stays one.
"""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from dataclasses import replace

from sales_agent_dagster.inference.cerebras.errors import Rejected
from sales_agent_dagster.inference.cerebras.request import CompletionRequest, Part

_REFUSED = frozenset({400, 422})
_NAMES: dict[Part, re.Pattern[str]] = {
    Part.REASONING: re.compile(r"reasoning|\bthink", re.IGNORECASE),
    Part.SEED: re.compile(r"\bseed\b", re.IGNORECASE),
    Part.TEMPERATURE: re.compile(r"\btemperature\b", re.IGNORECASE),
    Part.LIMIT: re.compile(r"max_completion_tokens", re.IGNORECASE),
    Part.SCHEMA: re.compile(r"response_?format|json_?schema|\bstrict\b|structured.outputs?", re.IGNORECASE),
    Part.FORMAT: re.compile(r"response_?format|json_?object|json_?mode", re.IGNORECASE),
}
"""How servers name the parts, in the order in which they are given up."""

_log = logging.getLogger(__name__)


class Dialects:
    """What each model's server has refused, in this process."""

    def __init__(self) -> None:
        self._without: defaultdict[str, frozenset[Part]] = defaultdict(frozenset)

    def spoken(self, request: CompletionRequest) -> CompletionRequest:
        """The request without what its model is known to refuse."""
        without = self._without[request.model]
        return replace(request, without=without) if without != request.without else request

    def learn(self, request: CompletionRequest, refusal: Rejected) -> CompletionRequest | None:
        """The request to make after a refusal; None when it names nothing that could be left out."""
        if refusal.status not in _REFUSED:
            return None
        model, detail = request.model, refusal.detail
        part = next(
            (part for part in Part if part not in request.without and _names(part, request, detail)), None
        )
        if part is None:
            return None
        if part not in self._without[model]:
            self._without[model] |= {part}
            _log.warning("%s is asked without %s from here on: %s", model, part.value, refusal)
        return self.spoken(request)


def _names(part: Part, request: CompletionRequest, detail: str) -> bool:
    # A weaker format is what is tried when there is no schema any more.
    possible = part is not Part.FORMAT or Part.SCHEMA in request.without
    return possible and _NAMES[part].search(detail) is not None
