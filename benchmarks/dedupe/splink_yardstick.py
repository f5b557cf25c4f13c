"""Splink on the matcher's own preparation: sensible settings, not an expert's.

Comparisons and blocking rules use the normalised columns of ``preparation.prepare``, where shared hosts and
phones are already blank; pairs under the veto are taken out before clustering. Needs the ``bench`` extra.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.dedupe.metrics import Labels, components

if TYPE_CHECKING:
    import pandas as pd

RULES = (
    ("phone",), ("host",), ("email",), ("linkedin",), ("name", "state"), ("words", "state"),
    ("street", "city"), ("city", "substr(name, 1, 6)"), ("zip5", "substr(name, 1, 4)"), ("name", "city"),
    ("contact", "city"),
)  # fmt: skip
TRAINING = (("phone",), ("host",), ("name", "state"), ("street", "city"))
TRUSTED = ("phone", "name")
THRESHOLDS = ((50_000, 5.0), (500_000, 7.0), (10**12, 12.0))
"""Rows up to which a match weight in bits decides; found on other data, fixed before any run."""


@dataclass(frozen=True)
class SplinkRun:
    """Scored pairs after the veto.

    Attributes:
        left, right: row numbers.
        bits: match weight.
        seconds: of training, prediction and clustering, without preparation.
    """

    left: Labels
    right: Labels
    bits: np.ndarray
    seconds: float

    def clusters(self, size: int, threshold: float) -> Labels:
        """Connected components of the pairs at or above the threshold."""
        keep = self.bits >= threshold
        return components(self.left[keep], self.right[keep], size)


def installed() -> bool:
    """True when the ``bench`` extra is there."""
    from importlib.util import find_spec

    return find_spec("splink") is not None


def threshold_for(rows: int) -> float:
    """The threshold fixed beforehand for a table of this size, in bits."""
    return next(bits for most, bits in THRESHOLDS if rows <= most)


def run(prepared: pd.DataFrame) -> SplinkRun:
    """Train on the table, predict, veto."""
    from splink import DuckDBAPI, Linker, block_on

    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api = DuckDBAPI()
        linker = Linker(api.register(prepared), _settings(), log_level="ERROR")
        training = linker.training
        training.estimate_probability_two_random_records_match([block_on(*TRUSTED)], recall=0.5)
        training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
        for columns in TRAINING:
            training.estimate_parameters_using_expectation_maximisation(
                block_on(*columns), record_sample_proportion=1.0
            )
        found = linker.inference.predict(threshold_match_weight=0.0).as_pandas_dataframe()
    left = found["unique_id_l"].to_numpy().astype(np.int64)
    right = found["unique_id_r"].to_numpy().astype(np.int64)
    keep = ~vetoed(prepared, left, right)
    bits = found["match_weight"].to_numpy()[keep]
    return SplinkRun(left[keep], right[keep], bits, time.perf_counter() - started)


def vetoed(prepared: pd.DataFrame, left: Labels, right: Labels) -> np.ndarray:
    """Pairs with another phone in another city that share neither e-mail nor street."""
    states = {}
    for name in ("phone", "email", "street", "city"):
        column = prepared[name].to_numpy(dtype=object)
        one, other = column[left], column[right]
        known = np.array(
            [a is not None and b is not None for a, b in zip(one, other, strict=True)], dtype=bool
        )
        states[name] = (known & (one == other), known & (one != other))
    agree = states["phone"][0] | states["email"][0] | states["street"][0]
    return states["phone"][1] & states["city"][1] & ~agree


def _settings() -> Any:
    import splink.comparison_level_library as cll
    import splink.comparison_library as cl
    from splink import SettingsCreator, block_on

    def exact(name: str) -> Any:
        return cll.ExactMatchLevel(name, term_frequency_adjustments=True)

    def comparison(name: str, *levels: Any) -> Any:
        return cl.CustomComparison([cll.NullLevel(name), *levels, cll.ElseLevel()], output_column_name=name)

    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        comparisons=[
            comparison(
                "name",
                exact("name"),
                cll.ExactMatchLevel("words"),
                *(cll.JaroWinklerLevel("name", limit) for limit in (0.96, 0.9, 0.8)),
            ),
            comparison("phone", exact("phone"), cll.LevenshteinLevel("phone", 1)),
            comparison("host", exact("host"), cll.JaroWinklerLevel("host", 0.92)),
            comparison("email", cll.ExactMatchLevel("email")),
            comparison("linkedin", cll.ExactMatchLevel("linkedin")),
            comparison("street", exact("street"), cll.JaroWinklerLevel("street", 0.9)),
            comparison(
                "city",
                cll.And(cll.ExactMatchLevel("city"), cll.ExactMatchLevel("zip5")),
                exact("city"),
                cll.ExactMatchLevel("zip5"),
                cll.ExactMatchLevel("state"),
            ),
        ],
        blocking_rules_to_generate_predictions=[block_on(*columns) for columns in RULES],
        retain_matching_columns=False,
    )
