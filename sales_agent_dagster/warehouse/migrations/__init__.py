"""Schema revisions, by Alembic.

After a change to ``warehouse/schema`` write the next revision with ``make migration m="what changed"`` and
read it before you commit it. Files are numbered in order, and the number is the revision id.
"""
