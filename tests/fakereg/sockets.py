"""Reading answers from raw sockets."""

from __future__ import annotations

import socket


def read_answer(client: socket.socket) -> bytes:
    """Everything up to the end of the connection."""
    parts = []
    while data := client.recv(65536):
        parts.append(data)
    return b"".join(parts)


def read_some(client: socket.socket, until: bytes) -> bytes:
    """Everything up to and with `until`."""
    data = b""
    while until not in data:
        more = client.recv(65536)
        assert more, data
        data += more
    return data
