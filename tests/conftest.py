"""Settings for all tests."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("fakereg", deadline=None)  # a busy machine is no defect
hypothesis.settings.load_profile("fakereg")
