"""Facts about a lead beyond its row, each with a source and a confidence.

Belongs here: providers of facts. Does not belong here: judging leads (agents), storing facts (stages).
"""
