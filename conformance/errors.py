"""The error about a configuration that cannot be used."""

from __future__ import annotations

from conformance.output.terminal import told


class ConfigurationError(Exception):
    """An unusable configuration; the text is one sentence with the way out, and shows no secret."""

    def __init__(self, text: str) -> None:
        super().__init__(told(text))
