"""A TCP proxy on loopback that lets everything arrive later, as a far-away server would, and counts what passes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass


@dataclass(slots=True)
class Link:
    """The proxy's URL, and how many requests have gone through it."""

    url: str
    requests: int = 0


@contextmanager
def delaying(port: int, *, round_trip: float) -> Iterator[Link]:
    """A link to a port of 127.0.0.1 on which an answer takes `round_trip` seconds longer."""
    loop = asyncio.new_event_loop()
    link = Link("")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        ways = _carry(reader, back, round_trip / 2, link), _carry(there, writer, round_trip / 2, None)
        await asyncio.gather(*ways)

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    link.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield link
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, link: Link | None) -> None:
    """Carry bytes one way; each piece arrives `delay` seconds after it came, in order, and the end as well."""
    loop = asyncio.get_running_loop()
    while piece := await reader.read(1 << 16):
        if link:
            link.requests += piece.count(b" HTTP/1.1\r\n")
        loop.call_later(delay, _write, writer, piece)
    loop.call_later(delay, _close, writer)


def _write(writer: asyncio.StreamWriter, piece: bytes) -> None:
    if not writer.is_closing():
        writer.write(piece)


def _close(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.close()
