"""Makes the fixtures of the suite known to its scenarios, and to nobody else."""

from conformance.run.fixtures import *  # noqa: F403
