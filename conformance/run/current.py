"""The conformance run of this pytest process."""

from __future__ import annotations

import pytest

from conformance.errors import ConfigurationError
from conformance.run.run import Run

RUN = pytest.StashKey[Run]()


def current_run(config: pytest.Config) -> Run:
    """Return the run of this process, begun at the first call; raise UsageError for an unusable configuration."""
    if RUN not in config.stash:
        try:
            config.stash[RUN] = Run(config)
        except ConfigurationError as error:
            raise pytest.UsageError(f"conformance: {error}") from None
        config.pluginmanager.register(config.stash[RUN], "conformance-run")
    return config.stash[RUN]
