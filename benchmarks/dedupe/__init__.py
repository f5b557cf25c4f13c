"""Record linkage measured on leads with known truth: a generator, metrics and yardsticks.

``python -m benchmarks.dedupe`` runs everything side by side; ``python -m benchmarks.dedupe.generator`` only
makes a list of leads. The generator shares no code with the matcher that it measures.
"""
