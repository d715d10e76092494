"""The error about a configuration that cannot be used."""

from __future__ import annotations


class ConfigurationError(Exception):
    """An unusable configuration; the text is one sentence with the way out."""
