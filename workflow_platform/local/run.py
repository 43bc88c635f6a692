"""The supervisor behind `make run`: servers, database, processes, sample; then it serves.

It owns everything it starts. Whichever way it ends, nothing of that is left: see `processes`.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from types import FrameType
from typing import NoReturn, TextIO
from urllib.error import HTTPError

from workflow_platform.local import environment, processes, procfile
from workflow_platform.local.environment import ROOT, Surroundings
from workflow_platform.local.errors import StartError
from workflow_platform.local.folder import only_one, published
from workflow_platform.local.servers import LocalServers

LIVE_SECONDS = 60.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A person or the machine asked us to stop. Not an Exception: no handler may swallow it."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the sample")
    parser.add_argument(
        "--end-with-parent", action="store_true", help="stop when the starting process dies"
    )
    options = parser.parse_args(arguments)
    if options.end_with_parent:
        processes.end_with_parent()
    # Installed explicitly: a shell's `&` starts its children with SIGINT ignored.
    for signum in SIGNALS:
        signal.signal(signum, stop_now)
    try:
        return supervise(environment.read(), once=options.once)
    except StartError as error:
        say(f"make run: {error}", to=sys.stderr)
        return 1
    except PermissionError as error:
        say(
            f"make run: {error.filename} belongs to another user. Start as that user, or set "
            "DATA_DIR to a folder of your own.",
            to=sys.stderr,
        )
        return 1
    except Stopped:
        return 130 if options.once else 0


def stop_now(signum: int, frame: FrameType | None) -> NoReturn:
    for other in SIGNALS:  # a second signal must not cut the cleaning up short
        signal.signal(other, signal.SIG_IGN)
    raise Stopped


def say(line: str, to: TextIO | None = None) -> None:
    with suppress(OSError):  # the terminal may be gone while we clean up
        print(line, file=to or sys.stdout, flush=True)


def supervise(surroundings: Surroundings, *, once: bool) -> int:
    processes.adopt_orphans()
    with ExitStack() as stack:
        stack.enter_context(only_one(surroundings.data_dir))
        servers = LocalServers(
            surroundings.data_dir,
            postgres=surroundings.embedded_postgres,
            valkey=surroundings.embedded_valkey,
        )
        if servers.home != surroundings.data_dir:  # a copy of DATA_DIR would share it
            stack.enter_context(only_one(servers.home))
        if count := servers.end_leftovers():
            say(f"Ended {count} processes that an earlier start had left behind.")
        environment.require_free_port(surroundings.host, surroundings.port)
        if surroundings.embedded_postgres or surroundings.embedded_valkey:
            say("Starting the servers ...")
        stack.enter_context(servers)
        stack.enter_context(published(surroundings.data_dir, servers.environment))
        stack.callback(end_processes, servers)
        return serve(
            surroundings, environment.for_processes(surroundings, servers.environment), once=once
        )


def serve(surroundings: Surroundings, env: dict[str, str], *, once: bool) -> int:
    """Prepares the database, starts the Procfile, runs the sample; the exit code."""
    say("Preparing the database ...")
    if start_module("prepare", env).wait():
        raise StartError("The database could not be prepared; the reason is above.")
    # Figures of processes that are gone would be added to those of the new ones.
    for figures in (surroundings.data_dir / "prometheus").glob("*.db"):
        figures.unlink(missing_ok=True)
    say(f"Starting {', '.join(procfile.commands())} ...")
    platform = start_module("procfile", env)
    wait_until_live(surroundings.url, platform)
    sample = run_sample(env, platform)
    if once:
        return sample
    if sample:
        say("The sample did not complete; the reason is above.")
    say(f"Serving on {surroundings.url} - Ctrl-C stops.")
    code = platform.wait()
    say(f"A process of the platform ended (exit code {code}), so all of it stops; see above.")
    return 1


def start_module(name: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
    return processes.start(
        [sys.executable, "-m", f"workflow_platform.local.{name}"],
        env=env,
        folder=ROOT,
        when_orphaned=signal.SIGTERM,
    )


def wait_until_live(url: str, platform: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + LIVE_SECONDS
    # Never through a proxy that the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            opener.open(f"{url}/health/live", timeout=5).close()
        except HTTPError as error:
            raise StartError(
                f"{url}/health/live answers {error.code}: does ALLOWED_HOSTS name the host?"
            ) from None
        except OSError as error:  # URLError is one
            if platform.poll() is not None:
                raise StartError(
                    "A process of the platform ended while starting; see above."
                ) from None
            if time.monotonic() > limit:
                raise StartError(f"{url}/health/live does not answer: {error}") from None
            time.sleep(0.1)
        else:
            return


def run_sample(env: dict[str, str], platform: subprocess.Popen[bytes]) -> int:
    """The sample client's exit code; it cannot complete once the platform has ended."""
    sample = start_module("sample", env)
    while (code := sample.poll()) is None:
        if platform.poll() is not None:
            raise StartError("A process of the platform ended during the sample; see above.")
        time.sleep(0.05)
    return code


def end_processes(servers: LocalServers) -> None:
    """Ends every process below us but the servers, which the others need until they are gone."""
    say("Stopping ...")
    kept = [server.process.pid for server in servers.running if server.process]
    # honcho is asked first and ends its own, each in its own time; what is left then is killed.
    processes.end(processes.children(but=kept), grace=procfile.STOP_SECONDS + 5)
    processes.end(processes.with_descendants(processes.children(but=kept)))


if __name__ == "__main__":
    sys.exit(main())
