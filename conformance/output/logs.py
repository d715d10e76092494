"""What is logged during a run, by us or by a library: without secrets, and harmless to a terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from conformance.output.terminal import told


def guard_logs() -> Callable[[], None]:
    """Change every record that needs it from now on; return what undoes that."""
    before = logging.getLogRecordFactory()

    def make(*arguments: Any, **options: Any) -> logging.LogRecord:
        record = before(*arguments, **options)
        message = record.getMessage()
        if (shown := told(message)) != message:
            record.msg, record.args = shown, ()
        if record.exc_info and record.exc_info[0]:
            record.exc_text = told(logging.Formatter().formatException(record.exc_info))
        return record

    logging.setLogRecordFactory(make)
    return lambda: logging.setLogRecordFactory(before)
