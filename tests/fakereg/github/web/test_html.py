"""What pages write for people."""

from __future__ import annotations

import pytest

from fakereg.github.web.html import human_size


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (5 << 30, "5.0 GiB"), (9 << 50, "9216.0 TiB")],
)
def test_sizes_are_written_for_people(size: int, text: str) -> None:
    assert human_size(size) == text
