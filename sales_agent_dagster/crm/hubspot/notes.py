"""Text of notes: HubSpot keeps HTML. Drafts of e-mails are notes, since HubSpot's API has no draft."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from sales_agent_dagster.crm.contract import Value
from sales_agent_dagster.crm.fields import Kind

DRAFT_TITLE = "E-mail draft (not sent)"
_BREAK = re.compile(r"<br\s*/?>|</p>\s*<p[^>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
_DRAFT = re.compile(
    rf"<p><strong>{re.escape(DRAFT_TITLE)}</strong></p><p>To: (.*?)</p><p>Subject: (.*?)</p><hr>(.*)",
    re.DOTALL,
)


def html_of(kind: Kind, fields: Mapping[str, Value | None]) -> str:
    """The note's HTML; our text is escaped, so that none of it becomes markup."""
    body = _escaped(fields.get("body"))
    if kind is not Kind.EMAIL_DRAFT:
        return body
    to, subject = _escaped(fields.get("email")), _escaped(fields.get("subject"))
    head = f"<p><strong>{DRAFT_TITLE}</strong></p><p>To: {to}</p><p>Subject: {subject}</p>"
    return f"{head}<hr>{body}"


def fields_of_html(kind: Kind, text: str) -> dict[str, Value]:
    """Our fields of a note; of a draft that a person has rebuilt only the text."""
    parts = {"body": text}
    found = _DRAFT.fullmatch(text) if kind is Kind.EMAIL_DRAFT else None
    if found:
        parts = dict(zip(("email", "subject", "body"), found.groups(), strict=True))
    return {name: plain for name, part in parts.items() if (plain := _plain(part))}


def _escaped(value: Value | None) -> str:
    text = "" if value is None else str(value).replace("\r\n", "\n")
    return html.escape(text, quote=False).replace("\n", "<br>")


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", text)))
