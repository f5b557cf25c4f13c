"""The rules of asking a provider: rates, concurrency, retries, hedges, breakers, calls in flight.

Each module is one rule that knows no provider. State that processes share is in Redis when there is one.
"""
