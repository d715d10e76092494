"""Run a registry on a socket."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Unpack

from fakereg.app import Registry
from fakereg.http.instance import Options
from fakereg.server.listener import Server, tls_context


@contextlib.contextmanager
def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    **options: Unpack[Options],
) -> Iterator[Registry]:
    """A registry on a socket for as long as the context lasts; the other arguments are those of `Registry`.

    Port 0 takes a free one. With `tls_cert` and `tls_key`, paths of PEM files, it speaks HTTPS.
    Raise OSError if the address cannot be bound or a file cannot be read.
    """
    registry = Registry(**options)
    try:
        with Server(registry, host=host, port=port, tls=tls_context(tls_cert, tls_key)) as server:
            registry.host, registry.url = server.host, server.url
            yield registry
    finally:
        registry.close()
