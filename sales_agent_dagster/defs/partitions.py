"""The one partitioning of the pipeline: a partition is a lead batch."""

from __future__ import annotations

import dagster as dg

LEAD_BATCHES = dg.DynamicPartitionsDefinition(name="lead_batches")
"""Keys are ``lead_batches.batch_id``. The incoming-files sensor and ``run.materialize_batch`` add them."""

PARTITION_TAG = "dagster/partition"
"""Dagster's run tag for the partition key."""
