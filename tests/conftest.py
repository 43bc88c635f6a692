"""Fixtures that every test may use."""

pytest_plugins = [
    "tests.support.audit",
    "tests.support.workers",
    "tests.support.workflows",
    "tests.support.cast",
    "tests.support.counts",
    "tests.support.web",
    "tests.support.keys",
    "tests.support.vault",
    "tests.support.tls",
    "tests.support.world",
    "tests.support.serving",
    "tests.support.traces",
]
