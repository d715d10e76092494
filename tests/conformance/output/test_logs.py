"""What is logged during a run is harmless, and afterwards everything is as it was."""

from __future__ import annotations

import logging

import pytest

from conformance.client.identity import Identity
from conformance.output.logs import guard_logs


def test_records_are_guarded(caplog: pytest.LogCaptureFixture) -> None:
    Identity("writer", "ann", "log-password")
    log, before = logging.getLogger("some.library"), logging.getLogRecordFactory()
    undo = guard_logs()
    try:
        log.warning("failed %s of %d", "\x1b[31m log-password", 7)
        log.warning("fine: %s", "x")
        try:
            raise ValueError("\x07log-password")
        except ValueError:
            log.exception("raised")
    finally:
        undo()
    assert logging.getLogRecordFactory() is before
    first, second, third = caplog.records
    assert first.getMessage() == "failed \\x1b[31m *** of 7"
    assert (second.msg, second.args) == ("fine: %s", ("x",))
    assert "log-password" not in caplog.text
    assert "\x07" not in caplog.text
    assert third.exc_text
    assert "ValueError: \\x07***" in third.exc_text
