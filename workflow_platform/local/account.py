"""The user that the local servers run as, and what that user can reach."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from workflow_platform.local.errors import StartError

UNPRIVILEGED = "nobody"


class PopenUser(TypedDict, total=False):
    """The part of `subprocess.Popen`'s arguments that changes the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Who runs the servers."""

    #: None: the user who started us, since only root can and must change the user.
    uid: int | None = None
    gid: int | None = None

    def popen_options(self) -> PopenUser:
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path, mode: int) -> Path:
        """Makes the folder `path` with exactly `mode`, belonging to this account."""
        path.mkdir(parents=True, exist_ok=True)
        self.take(path)
        path.chmod(mode)
        return path

    def take(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Whether the account can reach `folder`; a 0700 home above it is the usual obstacle."""
        if self.uid is None:
            return True
        answer = subprocess.run(  # nosec B603 # a fixed script
            ["/bin/sh", "-c", 'cd -- "$1" 2>/dev/null', "sh", str(folder)],
            cwd="/",
            check=False,
            **self.popen_options(),
        )
        return answer.returncode == 0

    def can_run(self, program: Path) -> bool:
        """Whether the account can start `program` where it lies."""
        if self.uid is None:
            return True
        try:
            answer = subprocess.run(  # nosec B603 # a server that is installed
                [program, "--version"],
                cwd="/",
                check=False,
                capture_output=True,
                **self.popen_options(),
            )
        except OSError:
            return False
        return answer.returncode == 0


def choose(existing_data: Path) -> Account:
    """The account for a cluster in `existing_data`, which need not exist yet.

    PostgreSQL refuses to run as root. Root therefore hands both servers to whoever owns the data
    already, or to `nobody` for new data.
    """
    if os.geteuid() != 0:
        return Account()
    try:
        if existing_data.exists() and (owner := existing_data.stat().st_uid):
            entry = pwd.getpwuid(owner)
        else:
            entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise StartError(
            f"PostgreSQL does not run as root, and {existing_data} has no owner to run it as. "
            f"Add the user '{UNPRIVILEGED}', or start as an ordinary user."
        ) from None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid)
