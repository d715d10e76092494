"""The time after which a test that hangs is ended: no test depends on how fast the machine is."""

GUARD = 300.0
"""Seconds."""
