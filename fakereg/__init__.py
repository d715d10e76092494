"""A fake container registry: the OCI distribution specification over WSGI, for tests.

`Registry` is the WSGI callable, `serve` runs one on a socket. Names are loaded at their first use: wherever fakereg is
installed, every pytest run imports this package, and that must stay cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fakereg.app import Registry
    from fakereg.auth.accounts import Accounts
    from fakereg.clock import ManualClock
    from fakereg.dialect.fields import Dialect
    from fakereg.serving import serve
    from fakereg.storage.base import Storage, StorageError

__all__ = ["Accounts", "Dialect", "ManualClock", "Registry", "Storage", "StorageError", "__version__", "serve"]

_HOME = {
    "Accounts": "fakereg.auth.accounts",
    "Dialect": "fakereg.dialect.fields",
    "ManualClock": "fakereg.clock",
    "Registry": "fakereg.app",
    "Storage": "fakereg.storage.base",
    "StorageError": "fakereg.storage.base",
    "serve": "fakereg.serving",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("fakereg")
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
