"""A server on many ports, run in a real's namespace: GET says so, POST answers with the SHA-256 of what came.

python uploads.py PORT…
"""

from __future__ import annotations

import asyncio
import hashlib
import sys


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next((int(line[15:]) for line in head.splitlines() if line.startswith("content-length:")), 0)
        said = hashlib.sha256(await reader.readexactly(length)).hexdigest() if length else "here"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode())
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # a check that ended, or a client
    finally:
        writer.close()


async def serve(ports: list[int]) -> None:
    for port in ports:
        await asyncio.start_server(answer, None, port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve([int(port) for port in sys.argv[1:]]))
