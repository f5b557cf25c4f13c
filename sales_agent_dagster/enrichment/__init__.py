"""Facts about a lead beyond its row, each with a source and a confidence.

Belongs here: providers of facts, and asking them in the order of the waterfall: once, within caps and
deadlines. Does not belong here: judging leads (agents), storing facts and answers (stages, warehouse).
"""
