"""The options of a registry and its server: each option once, with its meaning and its grammar.

`fakereg.Registry` takes the fields of `Options` as keywords, `fakereg.serve` those of `ServeOptions`. The command line,
the environment, the TOML file and the table of the README are made from the same fields.
"""

# ruff: noqa: RUF009 - `_option` makes a field of the dataclass, not a default
from __future__ import annotations

import dataclasses
import functools
import inspect
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from fakereg import values
from fakereg.auth.accounts import Accounts
from fakereg.clock import Clock
from fakereg.dialect import fields
from fakereg.dialect.fields import Dialect
from fakereg.storage.base import Storage
from fakereg.storage.repositories import Repositories
from fakereg.values import File, Flag, Given, Grammar, Secret, Text, Texts, Unfit, Whole

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    Middleware = Callable[[WSGIApplication], WSGIApplication]
    """Wraps a WSGI application in another one."""

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")

CONTROL_SECRET_LENGTH = 16
"""Fewest characters of a control secret, against guessing."""


@dataclass(frozen=True, slots=True)
class Option:
    """The properties of an option beside its name, type and default.

    `source` is where it can be set: "command" (the command line, the environment, the file, and Python), "file" (the
    environment, the file, and Python: it is a secret, or too long) or "python". `several` options are lists: repeated
    on the command line, separated by `;` in the environment. `command_default` is the default of `fakereg serve`, if it
    is another than in Python. `shown_default` and `metavar` are for help and tables.
    """

    meaning: str
    grammar: Grammar[Any]
    source: str = "command"
    several: bool = False
    command_default: Any = None
    shown_default: str = ""
    metavar: str = ""


def _option(default: Any, grammar: Grammar[Any], meaning: str, *, shown: bool = True, **more: Any) -> Any:
    return dataclasses.field(default=default, repr=shown, metadata={"option": Option(meaning, grammar, **more)})


class _Dialects(Grammar[tuple[Dialect, ...]]):
    """One dialect or several, each a Dialect or its text."""

    def of_text(self, text: str) -> tuple[Dialect, ...]:
        return (fields.parse(text),)

    def of_value(self, value: Any) -> tuple[Dialect, ...]:
        given = [value] if isinstance(value, Dialect) else value
        if not isinstance(given, list | tuple) or not all(isinstance(one, Dialect | str) for one in given):
            raise Unfit("a Dialect, its text, or a list of these")
        return tuple(fields.parse(one) if isinstance(one, str) else one for one in given)

    def write(self, value: Any) -> str:
        return ";".join(one.name for one in value)


def _is_storage(value: object) -> bool:
    return all(callable(getattr(value, name, None)) for name in ("clear", "close"))


def _are_callable(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(callable, value))


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a registry. Each field is checked, and text is read, by the grammar of its `Option`."""

    dialect: Dialect | str | Sequence[Dialect | str] = _option(
        "oci",
        _Dialects(),
        "how the server behaves: a preset, perhaps with settings; `fakereg dialects` lists both. Several make as many "
        "registries, each at a host of its own at HOSTNAME or below",
        several=True,
        metavar="PRESET[,SETTING=VALUE]...",
    )
    storage: Repositories | Storage | str = _option(
        "memory",
        Given(_is_storage, "a Storage or its text, such as memory, directory:PATH or sqlite:PATH", text=True),
        "where content is kept: `memory`, `directory:PATH` or `sqlite:PATH`",
        metavar="NAME[:ARGUMENT]",
    )
    accounts: Accounts | None = _option(
        None,
        Given(lambda value: isinstance(value, Accounts), "fakereg.Accounts"),
        "users, repositories and tokens, for dialects that authenticate",
        source="python",
        shown_default="a sample",
    )
    hostname: str = _option(
        "",
        Text(),
        "answer at this host name and its subdomains only, without a port",
        shown_default="every name",
        metavar="NAME",
    )
    subdomain_isolation: bool = _option(
        True,
        Flag(),
        "serve GitHub's registries at docker.HOSTNAME and containers.HOSTNAME; off: the Docker registry is at "
        "HOSTNAME, and the Container registry is not served",
    )
    unknown_host_status: int = _option(421, Whole(choices=(404, 421)), "status for requests to any other host")
    trust_proxy: bool = _option(
        False, Flag(), "believe one proxy's X-Forwarded-Host, X-Forwarded-Proto and X-Forwarded-For"
    )
    tokens_only: bool = _option(
        False, Flag(), "serve only the token endpoint of a dialect with `auth=bearer`", source="python"
    )
    migrated: Collection[str] = _option(
        (),
        Texts(),
        "organizations whose Docker images are in the Container registry from the start",
        source="file",
        several=True,
        shown_default="none",
    )
    token_key: str | None = _option(
        None, File(), "PEM key that signs tokens that are JWTs", shown_default="a new one", metavar="FILE"
    )
    token_cert: str | None = _option(
        None, File(), "PEM certificate of that key", shown_default="a new one", metavar="FILE"
    )
    control_secret: str = _option(
        "",
        Secret(CONTROL_SECRET_LENGTH),
        f"secret of the control API, at least {CONTROL_SECRET_LENGTH} characters",
        shown=False,
        source="file",
        shown_default="no control API",
    )
    middleware: Sequence[Middleware] = _option(
        (),
        Given(_are_callable, "a list of callables, each of which takes a WSGI application and returns one"),
        "WSGI applications of yours around the registry, the first outermost; the journal has their answers",
        source="python",
        shown_default="none",
    )
    clock: Clock = _option(
        time.time,
        Given(callable, "a callable that returns the time in seconds"),
        "returns the time in seconds; `fakereg.ManualClock` for tests",
        source="python",
        shown_default="time.time",
    )
    sleep: Callable[[float], None] = _option(
        time.sleep,
        Given(callable, "a callable that takes seconds"),
        "waits, where a dialect delays answers",
        source="python",
        shown_default="time.sleep",
    )
    new_id: Callable[[], str] | None = _option(
        None,
        Given(callable, "a callable that returns a new text each time"),
        "makes the ids of upload sessions, each a new one",
        source="python",
        shown_default="random ids",
    )

    def __post_init__(self) -> None:
        """Read texts and check all values; raise ValueError that names the option."""
        for name, option in every(type(self)).items():
            if (value := getattr(self, name)) is not None or default(type(self), name) is not None:
                object.__setattr__(self, name, values.read(option.grammar, name, value))

    @property
    def dialects(self) -> tuple[Dialect, ...]:
        """The dialects, read."""
        return cast(tuple[Dialect, ...], self.dialect)

    def of_registry(self) -> dict[str, Any]:
        """Return those of the options that `fakereg.Registry` takes, as keywords."""
        return {name: getattr(self, name) for name in every(Options)}


@dataclass(frozen=True, kw_only=True)
class ServeOptions(Options):
    """The options of a registry on a socket."""

    host: str = _option("127.0.0.1", Text(), "address to bind; the default is reached from this machine only")
    port: int = _option(0, Whole(high=65535), "port to bind, 0 for a free one", command_default=5000)
    tls_cert: str | None = _option(
        None, File(), "PEM certificate chain, to serve HTTPS", shown_default="none, and HTTP", metavar="FILE"
    )
    tls_key: str | None = _option(
        None, File(), "PEM key of that certificate", shown_default="in the same file", metavar="FILE"
    )


def every(options: type[Options] = ServeOptions) -> dict[str, Option]:
    """Return the options of a dataclass by name, in their order."""
    return {field.name: field.metadata["option"] for field in dataclasses.fields(options)}


def default(options: type[Options], name: str) -> Any:
    """Return the default of an option in Python."""
    return options.__dataclass_fields__[name].default


def written_default(name: str, *, command: bool) -> str:
    """Return the default of an option, of `fakereg serve` or in Python, as help and tables show it."""
    option, value = every()[name], default(ServeOptions, name)
    if command and option.command_default is not None:
        value = option.command_default
    return option.shown_default or (value if isinstance(value, str) else option.grammar.write(value))


def takes(options: Callable[P, T]) -> Callable[[Callable[[T], R]], Callable[P, R]]:
    """Let a function that takes options take their fields as keywords instead.

    Type checkers, `help` and editors see the fields, so that no signature repeats them.
    """

    def decorate(function: Callable[[T], R]) -> Callable[P, R]:
        @functools.wraps(function)
        def taking(*args: P.args, **keywords: P.kwargs) -> R:
            return function(options(*args, **keywords))

        fields = inspect.signature(options).parameters.values()
        taking.__signature__ = inspect.Signature([*fields])  # type: ignore[attr-defined]
        return taking

    return decorate


def method_takes(options: Callable[P, T]) -> Callable[[Callable[[S, T], R]], Callable[Concatenate[S, P], R]]:
    """Let a method that takes options take their fields as keywords instead, like `takes`."""

    def decorate(method: Callable[[S, T], R]) -> Callable[Concatenate[S, P], R]:
        @functools.wraps(method)
        def taking(self: S, /, *args: P.args, **keywords: P.kwargs) -> R:
            return method(self, options(*args, **keywords))

        self_parameter = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        fields = inspect.signature(options).parameters.values()
        taking.__signature__ = inspect.Signature([self_parameter, *fields])  # type: ignore[attr-defined]
        return taking

    return decorate
