"""The error of a run that cannot start as it was configured."""

from __future__ import annotations


class ConfigurationError(Exception):
    """The run cannot start as it was configured; the text is one sentence that says what to do."""
