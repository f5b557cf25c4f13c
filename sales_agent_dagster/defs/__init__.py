"""All Dagster code: assets, checks, partitions, resources, sensors, jobs. Thin.

Belongs here: telling Dagster what the stages do. Does not belong here: doing it (stages).
"""
