"""A Django app of the tests of faults: steps whose effects outside can be counted."""
