"""What is installed: pinned with hashes, as written down, under licences that may be shipped."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tests import licences

ROOT = Path(__file__).resolve().parents[2]
ENTRY = re.compile(
    r"^([a-z0-9][a-z0-9-]*)(?:\[[^]]*\])?==([^\s;]+)(?: ; (.*?))? \\\n((?:    --hash=.*\n?)+)",
    re.MULTILINE,
)
PIN = re.compile(r"^([a-z0-9-]+)(?:\[[^]]*\])?==(\S+)$", re.MULTILINE)
FILES = {
    "requirements.lock": ["requirements.txt"],
    "requirements-dev.lock": ["requirements.txt", "requirements-dev.txt"],
}


def pins(names: list[str]) -> dict[str, str]:
    return dict(pin for name in names for pin in PIN.findall((ROOT / name).read_text()))


@pytest.mark.parametrize("lock", FILES)
def test_lock_and_requirements_agree(lock: str) -> None:
    wanted = pins(FILES[lock])
    entries = ENTRY.findall((ROOT / lock).read_text())
    locked = {name: version for name, version, _, _ in entries}
    assert wanted.items() <= locked.items(), "run `make lock`"
    # What is not written down is for other systems than those that CI knows.
    others = {name: marker for name, _, marker, _ in entries if name not in wanted}
    assert all(others.values()), "pin it in requirements.txt, then run `make lock`"
    here = {"sys_platform": "linux", "python_full_version": "3.12.0", "python_version": "3.12"}
    assert not any(Marker(marker).evaluate(here) for marker in others.values())


@pytest.mark.parametrize("lock", FILES)
def test_everything_is_locked_by_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = ENTRY.findall(text)
    assert len(entries) == len(re.findall(r"^[a-z]", text, re.MULTILINE))
    for name, _, _, hashes in entries:
        assert re.fullmatch(r"(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n?)+", hashes), name


def test_what_is_compiled_is_locked_for_every_python_that_fits() -> None:
    """A hash for one Python alone would fail on another: compiled packages come in many files."""
    compiled = {"cffi", "cryptography", "psycopg-binary", "pydantic-core", "rpds-py", "uvloop"}
    entries = ENTRY.findall((ROOT / "requirements.lock").read_text())
    counts = {name: hashes.count("--hash=") for name, _, _, hashes in entries if name in compiled}
    assert counts.keys() == compiled
    assert min(counts.values()) >= 20


def test_what_is_installed_is_what_is_pinned() -> None:
    installed: dict[str, str] = {
        canonicalize_name(found.metadata["Name"]): found.version
        for found in metadata.distributions()
    }
    wanted = pins(["requirements.txt", "requirements-dev.txt"])
    assert {name: installed.get(name) for name in wanted} == wanted


def test_the_makefile_installs_nothing_without_hashes() -> None:
    lines = (ROOT / "Makefile").read_text().splitlines()
    installs = [line for line in lines if "pip install" in line and "peers" not in line]
    assert len(installs) == 2
    assert all("--require-hashes --requirement requirements" in line for line in installs)


def test_the_list_of_licences_is_fresh() -> None:
    assert licences.PAGE.read_text() == licences.page(), "run `make licences`"


@pytest.mark.parametrize(("name", "text"), licences.licences().items())
def test_licences_may_be_shipped(name: str, text: str) -> None:
    assert licences.terms(text) <= licences.PERMISSIVE | licences.CONDITIONAL.keys(), name


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("GPL-2.0-only OR MIT", True),
        ("MIT AND GPL-2.0-only", False),
        ("unknown", False),
    ],
)
def test_what_may_not_be_shipped_is_noticed(text: str, fits: bool) -> None:
    allowed = licences.PERMISSIVE | licences.CONDITIONAL.keys()
    assert (licences.terms(text) <= allowed) is fits
