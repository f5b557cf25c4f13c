from __future__ import annotations
import dagster as dg
def materialization(work, table, agent=None):
    return dg.MaterializeResult(metadata={"dagster/partition_row_count": 1})
