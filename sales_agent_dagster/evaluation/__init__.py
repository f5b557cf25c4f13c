"""How good the agents' answers are, measured on leads whose right answers people have set.

Belongs here: the golden leads, the measures, one evaluation of one engine, recorded answers.
Does not belong here: judging batches of real leads (``stages.quality``), storing figures (``warehouse``).
"""
