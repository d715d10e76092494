"""Tests that any storage can be put to: `from fakereg.storage.contract import *`, see `content.py`."""

from fakereg.storage.contract.content import *  # noqa: F403
