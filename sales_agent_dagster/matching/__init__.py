"""Which leads are the same company: probabilistic record linkage. Pure functions over leads and tables.

Belongs here: normalising, blocking, comparing, weighing, deciding, explaining. Does not belong here: reading
or writing tables, CRM calls.

In order of use, one lead or a few against many that are stored:

* ``normalise.normalise(RawLead) -> NormLead``, versioned by ``normalise.NORM_VERSION``: what to store.
* ``blocking.keys_of(NormLead) -> list[BlockKey]``: the hashes under which a lead is stored and looked up;
  ``keys_of_leads`` for many, ``limit_of(kind)`` for how many leads may share one.
* ``counts.values_of(NormLead) -> list[(kind, value)]``: the values whose holders the store counts.
* ``model.load_model(path | None) -> LinkageModel``: weights and thresholds.
* ``score.score(pairs, model, counts, population) -> list[PairScore]``: bits, parts, veto, relation.
* ``decide.decide(new, candidates, model, counts, population) -> list[Decision]``: merge, review or new;
  ``decide_arrivals`` for leads that are in columns already.

Whole tables go through ``columns.normalise_columns`` (phones of other countries through
``home_numbers.with_trunk_zero`` before) and ``dedupe.dedupe``; ``train.learn`` adapts weights to
a table without labels, ``calibrate.calibrated`` fits them to reviewers' answers.
"""
