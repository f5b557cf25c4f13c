"""Writes to a lead, or to a segment, from the facts of a payload."""

from __future__ import annotations

from typing import Any


def email(payload: dict[str, Any], system: str) -> dict[str, Any]:
    facts = _facts(payload)
    first, last = facts[0], facts[-1]
    return {
        "a": {
            "subject": f"Your work with {first[1][:30]}",
            "text": f"You work with {first[1]}. How do you plan that work today?",
            "fact_ids": [first[0]],
        },
        "b": {
            "subject": f"A question on {last[1][:30]}",
            "text": f"A question on {last[1]}: who looks after it?",
            "fact_ids": [last[0]],
        },
    }


def linkedin(payload: dict[str, Any], system: str) -> dict[str, Any]:
    fact = _facts(payload)[0]
    return {"text": f"Your work with {fact[1]} is close to what we do.", "fact_ids": [fact[0]]}


def call(payload: dict[str, Any], system: str) -> dict[str, Any]:
    fact = _facts(payload)[0]
    return {
        "topic": f"your work with {fact[1][:30]}",
        "first_question": f"How do you plan work with {fact[1]}?",
        "second_question": "What takes most of the time?",
        "fact_ids": [fact[0]],
    }


def social(payload: dict[str, Any], system: str) -> dict[str, Any]:
    return {"text": f"Service plans in {_segment(payload)}: who calls first, you or the customer?"}


def blog(payload: dict[str, Any], system: str) -> dict[str, Any]:
    return {
        "title": f"Service plans in {_segment(payload)}"[:50],
        "points": ["What a plan holds.", "Whom to offer it first.", "How to keep it."],
    }


def _facts(payload: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, str(text)) for name, text in payload["facts"].items()]


def _segment(payload: dict[str, Any]) -> str:
    return " ".join(str(value) for value in payload["segment"].values() if value)
