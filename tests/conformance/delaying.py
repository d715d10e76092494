"""A TCP proxy on loopback that lets everything arrive later, as a far-away server would, and counts what waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.guard import GUARD


@dataclass(slots=True)
class Link:
    """The proxy's URL, how many requests wait for their answers, and how many were that at most."""

    url: str = ""
    waiting: int = 0
    most_waiting: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)


@contextmanager
def delaying(port: int, *, round_trip: float) -> Iterator[Link]:
    """A link to a port of 127.0.0.1 on which an answer takes `round_trip` seconds longer."""
    link, ready, loop = Link(), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(_serve(port, round_trip / 2, link, ready, stop),))
    thread.start()
    try:
        assert ready.wait(GUARD)
        yield link
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _serve(port: int, delay: float, link: Link, ready: threading.Event, stop: asyncio.Event) -> None:
    """Serve until it is to stop; then nothing is left open."""
    tasks: set[asyncio.Task[None]] = set()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link.open.add(writer)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        link.open.add(back)
        for way in (_carry(reader, back, delay, link, counted=True), _carry(there, writer, delay, link)):
            tasks.add(asyncio.create_task(way))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    link.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    ready.set()
    await stop.wait()
    server.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for writer in link.open:
        writer.transport.abort()
    await asyncio.sleep(0)  # an aborted transport closes its socket in the next turn


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, link: Link, *, counted: bool = False
) -> None:
    """Carry bytes one way; each piece arrives `delay` seconds after it came, in order, and the end as well."""
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while piece := await reader.read(1 << 16):
            if counted:
                link.waiting += piece.count(b" HTTP/1.1\r\n")
                link.most_waiting = max(link.most_waiting, link.waiting)
            else:
                link.waiting -= piece.count(b"HTTP/1.1 ")
            loop.call_later(delay, _write, writer, piece)
    loop.call_later(delay, writer.close)


def _write(writer: asyncio.StreamWriter, piece: bytes) -> None:
    if not writer.is_closing():
        writer.write(piece)
