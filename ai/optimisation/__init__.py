"""Suggestions of how a workflow could be faster, cheaper or sturdier: computed, then checked."""
