"""How far AI steps are while they ask: told by workers, kept in Redis for a minute, read by people.

Nothing depends on it: a Redis that is away loses progress, and neither a step nor its truth.
"""
