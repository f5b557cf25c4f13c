"""What a company's own website says: its state, and facts with the words that say them.

Belongs here: choosing and reading a website's pages. Does not belong here: fetching them (``fetching``),
judging what they say (agents).
"""
