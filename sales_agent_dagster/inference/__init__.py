"""What agents think with: the ``Engine`` protocol, the scorecard engine, bounded concurrent asking.

Belongs here: everything between an agent's typed question and its typed answer.
Does not belong here: prompts, rules and questions themselves (agents), storage (warehouse).
"""
