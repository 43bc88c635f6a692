"""A Django app of the tests, as a host project has one: it brings workflow functions."""
