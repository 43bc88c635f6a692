"""Faults injected into real servers and workers, and the oracle that tells whether anything was
lost.
"""
