"""Run a registry on a socket."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from fakereg.app import Registry
from fakereg.options import ServeOptions, takes
from fakereg.server import Server
from fakereg.server.listener import tls_context


@takes(ServeOptions)
@contextlib.contextmanager
def serve(options: ServeOptions) -> Iterator[Registry]:
    """Run a registry on a socket for as long as the context lasts.

    The keywords are the fields of `fakereg.options.ServeOptions`. Raise ValueError for options that are wrong or do not
    fit together, OSError if the address cannot be bound or a file cannot be read, StorageError if the storage cannot be
    opened.
    """
    registry = Registry(**options.of_registry())
    try:
        with server(registry, options) as listening:
            registry.host, registry.url = listening.host, listening.url
            yield registry
    finally:
        registry.close()


def server(registry: Registry, options: ServeOptions) -> Server:
    """Bind the address of the options for a registry; raise ValueError or OSError."""
    return Server(registry, host=options.host, port=options.port, tls=tls_context(options.tls_cert, options.tls_key))
