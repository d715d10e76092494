"""The command `fakereg`: a registry for programs in any language."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence

import fakereg
from fakereg import values
from fakereg.auth.tokens import FORMATS
from fakereg.command import config, foreground
from fakereg.dialect import fields
from fakereg.options import written_default

EXIT_USAGE = 2
"""Exit code for arguments that are wrong, and for a port or a storage that cannot be used."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 after a clean stop, 2 if it could not start."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (ValueError, OSError, ImportError, fakereg.StorageError) as problem:
        sys.stderr.write(f"fakereg: {_sentence(problem)}\n")
        return EXIT_USAGE


def _sentence(problem: Exception) -> str:
    """Describe a problem, an OSError with its file and without its number."""
    if not isinstance(problem, OSError) or not problem.strerror:
        return str(problem)
    return f"{problem.filename}: {problem.strerror}" if problem.filename else problem.strerror


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fakereg", description="A container registry for tests.")
    parser.add_argument("--version", action="version", version=f"fakereg {fakereg.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_token_server(commands)
    listing = commands.add_parser("dialects", help="list dialects and their settings")
    listing.set_defaults(run=_list_dialects)
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    elsewhere = [name for name, option in config.OPTIONS.items() if option.source == "file"]
    serve = commands.add_parser(
        "serve",
        help="run a registry until it is interrupted",
        description="Run a registry. The first line of output is its URL; requests are logged to standard error.",
        epilog="Each option but --config and --quiet can also be an environment variable (FAKEREG_PORT=5001, "
        "FAKEREG_DIALECT='github-docker;github-container') or a line in the file of --config (port = 5001), which can "
        "hold accounts too. The command line overrides the environment, which overrides the file. "
        f"Only the environment and the file have {values.listed(elsewhere, 'and')}.",
    )
    serve.set_defaults(run=foreground.serve)
    serve.add_argument("--config", metavar="FILE", help="read options and accounts from this TOML file")
    serve.add_argument("--quiet", action="store_true", help="do not log requests")
    for name, option in config.OPTIONS.items():
        if option.source == "command":
            _add_option(serve, name)


def _add_token_server(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    server = commands.add_parser(
        "token-server",
        help="run only a token endpoint, for another registry that trusts its certificate",
        description="Run a token endpoint for another registry. The first line of output is its URL, which is the "
        "`realm` to configure there. Environment variables are not read. Needs `pip install 'fakereg[jwt]'`.",
    )
    server.set_defaults(run=foreground.serve_tokens)
    server.add_argument("--config", metavar="FILE", help="read accounts from this TOML file (default: the sample)")
    server.add_argument("--quiet", action="store_true", help="do not log requests")
    _add_option(server, "host")
    _add_option(server, "port", default="5001")
    server.add_argument("--issuer", default="fakereg", help="`iss` of the tokens (default: %(default)s)")
    algorithms = [format for format in FORMATS if format != "opaque"]
    server.add_argument(
        "--algorithm",
        choices=algorithms,
        default="ES256",
        help="algorithm that signs the tokens (default: %(default)s)",
    )
    server.add_argument(
        "--rights",
        choices=("open", "repository"),
        default="open",
        help="open: every user gets all the access requested; repository: users get the rights of their role "
        "on the repository OWNER/NAME, with which the name of the image begins (default: %(default)s)",
    )
    server.add_argument("--write-cert", metavar="FILE", help="write the certificate here, for the registry to trust")
    for name in ("token_key", "token_cert", "tls_cert", "tls_key"):
        _add_option(server, name)


def _add_option(parser: argparse.ArgumentParser, name: str, *, default: str | None = None) -> None:
    """Add an option of `fakereg.options` to a command; its value stays text, to be read with the others."""
    option = config.OPTIONS[name]
    text = f"{option.meaning} (default: {default or written_default(name, command=True)})".replace("%", "%%")
    if isinstance(option.grammar, values.Flag):
        parser.add_argument(config.flag(name), action=argparse.BooleanOptionalAction, help=text)
    else:
        action = "append" if option.several else "store"
        metavar = option.metavar or name.upper().rpartition("_")[2]
        parser.add_argument(config.flag(name), action=action, metavar=metavar, default=default, help=text)


def _list_dialects(options: argparse.Namespace) -> int:
    lines = ["Presets:"]
    defaults = fields.written(fields.Dialect())
    for name, preset in fields.PRESETS.items():
        changed = [f"{key}={value}" for key, value in fields.written(preset).items() if value != defaults[key]]
        lines += _entry(name, ", ".join(changed) or "every setting as below", width=18)
    lines += ["", "Settings, each with its default:"]
    for name, _, meaning in fields.settings():
        if name != "name":
            lines += _entry(name, f"({defaults[name]}) {meaning}", width=28)
    lines += ["", "Values:"]
    for name, text in _VALUES.items():
        lines += _entry(name, text, width=18)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


_VALUES = {
    "true and false": "or yes and no, on and off, 1 and 0",
    "sizes": "bytes, or with a unit: 5MB or 5M is 5 * 10^6, 5MiB is 5 * 2^20",
    "times": "seconds, or with a unit: 500ms, 90s, 10m, 2h, 1d",
    "lists": "separated by |",
    "a dialect": "PRESET[,SETTING=VALUE]..., such as github-docker,blob_size_limit=5MB,mount=off",
}


def _entry(name: str, text: str, *, width: int) -> list[str]:
    """Return the lines of one entry: its name, and the text in a column beside it."""
    first, *rest = textwrap.wrap(text, 118 - width, break_on_hyphens=False, break_long_words=False)
    return [f"  {name:<{width}} {first}", *(" " * (width + 3) + line for line in rest)]
