"""What the product is about: leads, values, tiers, the profile, errors. Pure, no I/O but the profile file.

Belongs here: types and rules that hold whatever stores, calls or schedules them.
Does not belong here: SQL, HTTP, Dagster, LangGraph, clocks, randomness.
"""
