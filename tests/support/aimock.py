"""aimock: a real server that speaks a model's API, by fixtures. `make setup` installs it by npm."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aimock_pytest import AIMockServer, NodeManager

CLI = Path(sys.prefix) / "node/node_modules/@copilotkit/aimock/dist/cli.js"


@contextmanager
def aimock() -> Iterator[AIMockServer]:
    """A server of its own for the time of the block; `url` + "/v1" is the endpoint."""
    cli = Path(os.environ.setdefault("AIMOCK_CLI_PATH", str(CLI)))
    if shutil.which("node") is None or not (cli.is_file() or shutil.which("npm")):
        pytest.skip("aimock needs Node.js and npm")
    if not cli.is_file():
        pytest.fail(f"aimock is not installed at {cli}: run `make setup`", pytrace=False)
    server = AIMockServer(NodeManager())
    server.start()
    try:
        yield server
    finally:
        server.stop()
