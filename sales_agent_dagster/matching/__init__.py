"""Which leads are the same company: keys, rules, clusters. Pure functions over records.

Belongs here: record linkage. Does not belong here: reading or writing tables, CRM calls.
"""
