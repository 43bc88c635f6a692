"""The sample of `make run`: a portfolio's risk review through the REST API, as any client would.

`python -m workflow_platform.local.sample` runs it against the platform on this machine. It signs in
with WORKFLOW_API_TOKEN, or else with a fresh token of the operator's account.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener
from uuid import uuid4

from templates.outcome import differences
from workflow_platform.local import environment
from workflow_platform.local.environment import ROOT
from workflow_platform.local.errors import StartError

OPERATOR = "admin"
TEMPLATE = "portfolio-risk-review"
FILE = "prices"  # the input that is sent as a file
SECONDS = 120.0  # for the whole run
PAUSE = 0.1  # seconds between two looks at the run
ENDED = ("completed", "failed", "cancelled")
SETTLED = (*ENDED, "skipped")


class SampleFailed(Exception):
    """The sample cannot go on; the message says why."""


class Api:
    """The platform's REST API, with a token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = f"{url}/api/v1"
        self.token = token
        # Never through a proxy that the environment names.
        self.opener = build_opener(ProxyHandler({}))

    def get(self, path: str, **query: str) -> Any:
        """The answer's JSON."""
        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path)

    def post(self, path: str, body: Any) -> Any:
        """Sends JSON; the answer's JSON."""
        return self._ask("POST", path, json.dumps(body).encode(), "application/json")

    def send_files(self, path: str, context: Any, files: dict[str, str]) -> Any:
        """Sends a form: the context as JSON, and each text as a file under its name."""
        boundary = uuid4().hex
        parts = [f'name="context"\r\n\r\n{json.dumps(context)}\r\n']
        for name, text in files.items():
            head = f'name="{name}"; filename="{name}.csv"\r\nContent-Type: text/csv; charset=utf-8'
            parts.append(f"{head}\r\n\r\n{text}\r\n")
        opening = f"--{boundary}\r\nContent-Disposition: form-data; "
        body = "".join(opening + part for part in parts) + f"--{boundary}--\r\n"
        return self._ask("POST", path, body.encode(), f"multipart/form-data; boundary={boundary}")

    def _ask(self, method: str, path: str, body: bytes | None = None, form: str = "") -> Any:
        headers = {"Authorization": f"Token {self.token}"} | (
            {"Content-Type": form} if form else {}
        )
        request = Request(f"{self.url}/{path}", data=body, headers=headers, method=method)  # noqa: S310
        try:
            with self.opener.open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except HTTPError as error:
            said = error.read().decode(errors="replace")[:2000]
            raise SampleFailed(f"{method} {path} answers {error.code}: {said}") from None
        except (URLError, OSError) as error:
            raise SampleFailed(f"{method} {path}: {error}") from None


def main() -> int:
    try:
        url = environment.read().url
        token = os.environ.get("WORKFLOW_API_TOKEN") or operators_token()
        run_sample(Api(url, token), url)
    except (SampleFailed, StartError) as error:
        print(f"The sample failed: {error}", file=sys.stderr)
        return 1
    return 0


def operators_token() -> str:
    """A token of the operator's account that ends tomorrow."""
    command = [sys.executable, "manage.py", "api_token", OPERATOR, "--days", "1"]
    done = subprocess.run(  # nosec B603 # a command of ours
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SampleFailed(done.stderr.strip().rpartition("\n")[2])
    return done.stdout.strip()


def run_sample(api: Api, url: str) -> None:
    """Runs the template's sample to its end and prints it. Raises SampleFailed."""
    template = find_template(api)
    workflow = own_workflow(api, template)
    data = dict(template["sample_input"])
    files = {FILE: data.pop(FILE)}
    print(
        f"Sample: {workflow['name']} of {data['portfolio']}, {len(files[FILE]):,} bytes of prices"
    )
    started = api.send_files(f"workflows/{workflow['id']}/execute", {"data": data}, files)
    address = f"executions/{started['execution_id']}"
    names = {step["id"]: step["name"] for step in template["template"]["steps"]}
    statuses = {}
    for step in settled_steps(api, address, dict(template["expected"]["answers"])):
        statuses[step["step_id"]] = step["status"]
        milliseconds = step["execution_time_ms"]
        shown = "" if milliseconds is None else f"{milliseconds:>6,} ms"
        name = names[step["step_id"]]
        print(f"  {name:<44} {step['step_type']:<15} {step['status']:<9} {shown}".rstrip())
    run = api.get(address)
    print_result(run["results"] or {})
    print(f"This run    {url}/admin/workflow_engine/workflowexecution/{run['id']}/change/")
    print(f"Admin       {url}/admin/")
    print(f"API         {url}/api/docs")
    print(flush=True)
    if run["status"] != "completed":
        raise SampleFailed(f"the run is {run['status']}: {run['error_message']}")
    found = differences(
        template["expected"], status=run["status"], results=run["results"], steps=statuses
    )
    if found:
        raise SampleFailed("another outcome than expected: " + "; ".join(found))


def find_template(api: Api) -> Any:
    """The sample's template, with its definition, input and expected outcome."""
    for template in api.get("workflows/templates", page_size="200")["results"]:
        if template["key"] == TEMPLATE:
            return api.get(f"workflows/templates/{template['id']}")
    raise SampleFailed(f"The catalogue holds no template '{TEMPLATE}': manage.py load_catalogue")


def own_workflow(api: Api, template: Any) -> Any:
    """The workflow that an earlier start made from the template, or a new one."""
    name = template["name"]
    for workflow in api.get("workflows", name=name, access="mine")["results"]:
        stored = api.get(f"workflows/{workflow['id']}")
        if stored["name"] == name and stored["definition"] == template["template"]:
            return stored
    return api.post(f"workflows/templates/{template['id']}/instantiate", {})


def settled_steps(api: Api, address: str, answers: dict[str, Any]) -> Iterator[Any]:
    """Each step once it has settled, until the run has ended; gives people's answers meanwhile."""
    seen: set[str] = set()
    limit = time.monotonic() + SECONDS
    while True:
        # First the run, then its steps: what had settled when it ended is then in the list.
        ended = api.get(address)["status"] in ENDED
        steps = api.get(f"{address}/steps", page_size="200")["results"]
        for step in sorted(steps, key=lambda step: (step["completed_at"] or "", step["position"])):
            if step["status"] in SETTLED and step["step_id"] not in seen:
                seen.add(step["step_id"])
                yield step
            elif step["status"] == "waiting" and step["step_id"] in answers:
                answer = answers.pop(step["step_id"])
                print(f"  > {step['waiting']['title']} {answer['choice']}: {answer['comment']}")
                api.post(f"{address}/steps/{step['step_id']}/answer", {"answer": answer})
        if ended:
            return
        if time.monotonic() > limit:
            left = [step["step_id"] for step in steps if step["step_id"] not in seen]
            raise SampleFailed(f"the run has not ended in {SECONDS:g} s; open: {', '.join(left)}")
        sys.stdout.flush()
        time.sleep(PAUSE)


def print_result(results: dict[str, Any]) -> None:
    print()
    for line in str(results.get("text", "There is no report.")).splitlines():
        print(f"    {line}".rstrip())
    print()


if __name__ == "__main__":
    sys.exit(main())
