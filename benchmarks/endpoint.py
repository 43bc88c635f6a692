"""A server that speaks chat completions and answers after a while: `python -m benchmarks.endpoint
8000 0.2`. It does nothing but wait, so that fifty requests at once take as long as one.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from contextlib import suppress

_BODY = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "All of it is fine."},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 6, "total_tokens": 26},
    }
).encode()
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY
_LENGTH = b"content-length:"


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def serve(port: int, seconds: float) -> None:
    """Answers until the process ends."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                after = head.partition(_LENGTH)[2]
                await reader.readexactly(int(after.partition(b"\r\n")[0] or 0))
                await asyncio.sleep(seconds)
                writer.write(_ANSWER)
                await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", port, backlog=256) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
