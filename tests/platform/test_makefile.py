"""What `make` says where it cannot go on, and what `make check` holds."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )


def a_python(path: Path, *, version_fits: bool, has_venv: bool) -> Path:
    """A stand-in that answers the Makefile's two questions."""
    path.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f"*version_info*) exit {int(not version_fits)} ;;\n"
        f"*ensurepip*) exit {int(not has_venv)} ;;\n"
        "*--version*) echo Python 3.9.2 ;;\n"
        "*) echo unexpected; exit 3 ;;\n"
        "esac\n"
    )
    path.chmod(0o755)
    return path


def test_alone_it_lists_the_commands() -> None:
    answer = make()
    assert answer.returncode == 0
    for command in ("run", "test", "check", "lint", "types", "openapi"):
        assert re.search(rf"^  make {command} ", answer.stdout, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("version_fits", "has_venv", "line"),
    [
        (False, True, "Python 3.9.2 does not fit: name a Python 3.11, 3.12 or 3.13"),
        (True, False, "sudo apt-get install python3-venv"),
    ],
)
def test_an_unfit_python_is_said_in_one_line(
    tmp_path: Path, version_fits: bool, has_venv: bool, line: str
) -> None:
    python = a_python(tmp_path / "python3", version_fits=version_fits, has_venv=has_venv)
    answer = make("run", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}")
    assert answer.returncode != 0
    assert line in answer.stdout
    assert len(answer.stdout.splitlines()) == 1
    assert not (tmp_path / "venv").exists()


def test_no_python_at_all_is_said_in_one_line(tmp_path: Path) -> None:
    answer = make("run", "PYTHON=python-of-nowhere", f"VENV={tmp_path / 'venv'}")
    assert answer.returncode != 0
    assert answer.stdout.startswith("No python-of-nowhere here. Install Python")


def test_ci_runs_exactly_make_check() -> None:
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in lines
    assert lines[-1] == "exec make check"


def test_check_holds_every_check() -> None:
    prerequisites = re.search(r"^check: (.*?) ##", MAKEFILE, flags=re.MULTILINE)
    assert prerequisites is not None
    assert prerequisites[1].split() == [
        *("setup", "lint", "types", "layers", "migrations", "deploy-check", "security", "test")
    ]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_requirements_are_pinned_exactly(name: str) -> None:
    for line in (ROOT / name).read_text().splitlines():
        if line and not line.startswith(("#", "--requirement ")):
            assert re.fullmatch(r"[a-z0-9-]+(\[[a-z,-]+\])?==[0-9a-z.]+", line), line


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("tests.faults", "--fault flush --n 0"),
        ("tests.faults", "--fault flush --n -3"),
        ("tests.faults.soak", "--minutes 0"),
        ("tests.faults.soak", "--minutes -1"),
        ("tests.ai.safety", "--n x"),
        ("tests.ai.safety", "--n 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(module: str, arguments: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", module, *arguments.split()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert " of at least 1, not " in answer.stderr or " above 0, not " in answer.stderr
    assert "Traceback" not in answer.stderr
