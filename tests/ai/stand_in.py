"""A stand-in for a model, to try redaction, prices and budgets without one: `make model`.

It speaks the protocol of an endpoint, shows what it is sent, and answers with what the offline
provider would. To the platform it is a model like any other.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django

from tests.ai.endpoint import Handler, Server, completion

CHARACTERS_A_TOKEN = 4


class StandIn(Handler):
    """Answers every request from its own words."""

    def do_POST(self) -> None:  # noqa: N802 - the name that http.server asks for
        from ai.errors import AIError
        from ai.providers.base import Prompt
        from ai.providers.offline import OfflineProvider

        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(json.dumps(asked["messages"], indent=2, ensure_ascii=False), flush=True)  # noqa: T201
        said = "\n\n".join(m["content"] for m in asked["messages"] if m["role"] == "user")
        form = asked.get("response_format", {}).get("json_schema", {})
        prompt = Prompt(
            text=said, schema=form.get("schema"), model=asked["model"], max_tokens=1_000,
            temperature=0, timeout=60,
        )  # fmt: skip
        try:
            text = OfflineProvider().complete(prompt).text
        except AIError as error:
            text = error.message
        tokens = {"prompt_tokens": len(said), "completion_tokens": len(text)}
        usage: dict[str, Any] = {k: n // CHARACTERS_A_TOKEN + 1 for k, n in tokens.items()}
        usage["total_tokens"] = sum(usage.values())
        raw = json.dumps(completion(text, model=asked["model"], usage=usage)).encode()
        self.begin(200, len(raw))
        self.wfile.write(raw)

    def begin(self, status: int, length: int, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()


def main(port: int) -> None:
    """Serves until it is stopped."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "workflow_platform.settings")
    django.setup()
    server = Server(("127.0.0.1", port), StandIn)
    print(f"MODEL_ENDPOINT=http://127.0.0.1:{server.server_address[1]}/v1", flush=True)  # noqa: T201
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
