"""Workflows from plain words: analysed, drawn up, checked, tried dry, repaired, kept as drafts."""
