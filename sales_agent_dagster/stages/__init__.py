"""The pipeline's stages as plain batch functions: rows in, rows out, every lead accounted for.

Belongs here: reading a stage's inputs, gates, calling agents, writing its table in one transaction a chunk.
Does not belong here: Dagster, SQL dialects, prompts, scoring rules.
"""
