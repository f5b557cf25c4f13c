"""Writes every sample file, always the same bytes: ``python data/samples/generate.py [FOLDER]``.

Standard library only. All firms and people are made up: telephone numbers lie in the 555-01xx block that is
kept for fiction, web addresses under the top-level domain ``example`` (RFC 2606) or, for shared platforms,
under made-up names there. Cities and ZIP codes are real, streets are not.
"""

from __future__ import annotations

import csv
import io
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import broken
import crm_exports
import dealers
import wide

SEED = 20260102


def main(folder: Path) -> None:
    """Write all samples under ``folder``."""
    (folder / "broken").mkdir(parents=True, exist_ok=True)
    for name, content in samples().items():
        (folder / name).write_bytes(content)


def samples() -> dict[str, bytes]:
    """Contents by path relative to the samples folder."""
    rows = [dealer.row() for dealer in dealers.dealers(_random())]
    files = {
        "dealer_leads_sample.csv": _csv([dealers.HEADER, *rows]),
        "dealer_export_sample.csv": _wide_csv(wide.rows(_random())),
        "hubspot_contacts_sample.csv": _csv(crm_exports.hubspot_contacts()),
        "salesforce_leads_sample.csv": _csv(crm_exports.salesforce_leads()),
        "apollo_contacts_sample.csv": _csv(crm_exports.apollo_contacts()),
        "broken/expected.yaml": broken.expectations().encode(),
    }
    return files | {f"broken/{file.name}": file.content for file in broken.broken_files()}


def _random() -> random.Random:
    return random.Random(SEED)  # noqa: S311 (not for secrets)


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _wide_csv(rows: Iterable[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, wide.COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
