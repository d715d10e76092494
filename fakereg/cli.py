"""The command `fakereg`: a registry for those who are not Python programs."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence

import fakereg
from fakereg import config, dialects, foreground

EXIT_USAGE = 2
"""Exit code for arguments that cannot be obeyed, and for a port or storage that cannot be had."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 after a clean stop, 2 if it could not start."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (ValueError, OSError, ImportError, fakereg.StorageError) as problem:
        sys.stderr.write(f"fakereg: {_sentence(problem)}\n")
        return EXIT_USAGE


def _sentence(problem: Exception) -> str:
    """What went wrong, with the file that an OSError is about and without its number."""
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
    serve = commands.add_parser(
        "serve",
        help="run a registry until interrupted",
        description="Run a registry. The first line of output is its URL; requests are logged to standard error.",
        epilog="Every option but --config and --quiet can be given as an environment variable too (FAKEREG_PORT=5001, "
        "FAKEREG_DIALECT='github-docker;github-container'), or in the file of --config (port = 5001), which may also "
        "hold accounts. The control API under /_fakereg/ is there if FAKEREG_CONTROL_SECRET, or control_secret in the "
        "file, is set.",
    )
    serve.set_defaults(run=foreground.serve)
    serve.add_argument("--config", metavar="FILE", help="read settings and accounts from this TOML file")
    serve.add_argument("--host", help="address to bind (default: 127.0.0.1, this machine only)")
    serve.add_argument("--port", type=_port, help="port to bind, 0 for a free one (default: 5000)")
    serve.add_argument("--storage", help="memory, or directory:PATH or sqlite:PATH to keep content (default: memory)")
    serve.add_argument(
        "--dialect",
        action="append",
        metavar="PRESET[,SETTING=VALUE]...",
        help="how the server behaves; `fakereg dialects` lists presets and settings (default: oci). Given several "
        "times, there are as many registries, each at a host of its own below --hostname",
    )
    serve.add_argument("--hostname", metavar="NAME", help="answer at this name and its subdomains only")
    serve.add_argument(
        "--subdomain-isolation",
        action=argparse.BooleanOptionalAction,
        help="registries of GitHub are at docker.NAME and containers.NAME; without, the Docker registry is at NAME "
        "(default: with)",
    )
    serve.add_argument(
        "--unknown-host-status", type=int, choices=(404, 421), help="answer to hosts that are not ours (default: 421)"
    )
    serve.add_argument(
        "--trust-proxy", action="store_true", default=None, help="obey X-Forwarded-Host, -Proto and -For"
    )
    serve.add_argument("--token-key", metavar="FILE", help="PEM key that signs tokens, if they are JWTs")
    serve.add_argument("--token-cert", metavar="FILE", help="PEM certificate of that key")
    _add_transport(serve)


def _add_token_server(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    server = commands.add_parser(
        "token-server",
        help="run only a token endpoint, for a registry that trusts our certificate",
        description="Run a token endpoint. The first line of output is its URL, the `realm` of the registry that it "
        "is for. Needs `pip install 'fakereg[jwt]'`.",
    )
    server.set_defaults(run=foreground.serve_tokens)
    server.add_argument("--config", metavar="FILE", help="read accounts from this TOML file (default: the sample)")
    server.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s)")
    server.add_argument("--port", type=_port, default=5001, help="port, 0 for a free one (default: %(default)s)")
    server.add_argument("--issuer", default="fakereg", help="`iss` of the tokens (default: %(default)s)")
    server.add_argument("--algorithm", choices=("ES256", "RS256"), default="ES256", help="(default: %(default)s)")
    server.add_argument(
        "--rights",
        choices=("open", "repository"),
        default="open",
        help="open: whoever authenticates may do everything that their token's scopes allow; repository: roles on "
        "the repository OWNER/NAME that the image's name begins with (default: %(default)s)",
    )
    server.add_argument("--token-key", metavar="FILE", help="PEM key that signs (default: a new one)")
    server.add_argument("--token-cert", metavar="FILE", help="PEM certificate of that key (default: a new one)")
    server.add_argument("--write-cert", metavar="FILE", help="write the certificate here, for the registry to trust")
    _add_transport(server)


def _add_transport(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tls-cert", metavar="FILE", help="serve HTTPS with this PEM certificate chain")
    parser.add_argument("--tls-key", metavar="FILE", help="the certificate's PEM key, if it is not in the same file")
    parser.add_argument("--quiet", action="store_true", help="do not log requests")


def _port(text: str) -> int:
    try:
        return config.port(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


def _list_dialects(options: argparse.Namespace) -> int:
    lines = ["Presets:"]
    defaults = dialects.written(dialects.Dialect())
    for name, preset in dialects.PRESETS.items():
        changed = [f"{key}={value}" for key, value in dialects.written(preset).items() if value != defaults[key]]
        lines += _entry(name, ", ".join(changed) or "every setting as below", width=18)
    lines += ["", "Settings (default):"]
    for name, _, meaning in dialects.settings():
        if name != "name":
            lines += _entry(name, f"({defaults[name]}) {meaning}", width=28)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _entry(name: str, text: str, *, width: int) -> list[str]:
    """The lines of one entry: its name, and the text in a column beside it."""
    first, *rest = textwrap.wrap(text, 118 - width, break_on_hyphens=False, break_long_words=False)
    return [f"  {name:<{width}} {first}", *(" " * (width + 3) + line for line in rest)]
