"""The same work on other engines. Each program runs on a Python that has its engine alone."""
