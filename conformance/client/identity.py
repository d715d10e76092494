"""A user name with its password or token."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.output.secrets import learn


@dataclass(frozen=True, slots=True)
class Identity:
    """An identity with a user name and a password or token; the one called `nobody` has neither."""

    name: str
    username: str = ""
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        learn(self.secret)

    @property
    def anonymous(self) -> bool:
        """Whether it has no credentials."""
        return not self.secret
