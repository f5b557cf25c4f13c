"""Identity in the warehouse: the index that linkage looks leads up in, decisions, answers, merged companies.

Belongs here: everything about who is who that reads or writes tables. The rules themselves are pure functions
in ``matching``.
"""
