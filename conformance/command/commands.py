"""The commands beside a run: list, explain, probe, compare and stress."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from conformance.catalogue.requirements import VERSIONS, Requirement, catalogue
from conformance.config.description import categories
from conformance.config.parser import INTERRUPTED, USAGE_ERROR, Parser, add_options, options_given
from conformance.errors import ConfigurationError
from conformance.output.terminal import complain, say


def main(command: str, arguments: Sequence[str]) -> int:
    """Run one of the commands and return its exit code, 4 for an unusable configuration."""
    if command == "compare":
        from conformance.command.compare import main as compare

        return compare(arguments)
    if command == "stress":
        return _stress(arguments)
    try:
        lines = {"list": listing, "explain": explanation, "probe": probed}[command](arguments)
    except ConfigurationError as error:
        complain(f"ERROR: conformance: {error}")
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    say("\n".join(lines))
    return 0


def _stress(arguments: Sequence[str]) -> int:
    if find_spec("hypothesis") is None:
        complain("ERROR: conformance: hypothesis must be installed: pip install 'fakereg[stress]'")
        return USAGE_ERROR
    from conformance.command.stress import main as stress

    return stress(arguments)


def listing(arguments: Sequence[str]) -> list[str]:
    """Show the catalogue: each requirement with its level, category and number of scenarios."""
    from conformance.run.coverage import bound

    made = Parser(prog="conformance list", description="Show every requirement and how many scenarios assert it.")
    made.add_argument(
        "--profile", metavar="PROFILE", default="", help="show only these profiles or categories, separated by commas"
    )
    made.add_argument(
        "--spec-version",
        metavar="VERSION",
        default="dev",
        choices=VERSIONS,
        help="version of the specification: dev, 1.1 or 1.0 (default: dev)",
    )
    parsed = made.parse_args(arguments)
    try:
        wanted = categories(parsed.profile) if parsed.profile else None
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    rows = [row for row in catalogue().values() if wanted is None or row.category in wanted]
    lines = [_line(row, len(bound().get(row.id, ())), parsed.spec_version) for row in rows]
    asserted = sum(row.id in bound() for row in rows)
    reasons = [f"{row.id} is untestable: {row.untestable}" for row in rows if row.untestable]
    missing = [f"{row.id} is NOT asserted" for row in rows if row.id not in bound() and not row.untestable]
    head = f"{'ID':<9} {'LEVEL':<10} {'CATEGORY':<16} {'SCENARIOS':>9}  STATEMENT"
    return [head, *lines, "", f"{asserted} of {len(rows)} requirements are asserted by a scenario.", *reasons, *missing]


def _line(row: Requirement, scenarios: int, version: str) -> str:
    return f"{row.id:<9} {row.level(version):<10} {row.category:<16} {scenarios or '-':>9}  {row.statement}"


def explanation(arguments: Sequence[str]) -> list[str]:
    """Show one requirement with its source, its levels and its scenarios."""
    from conformance.run.coverage import bound, promise

    made = Parser(prog="conformance explain", description="Show one requirement and the scenarios that assert it.")
    made.add_argument("id", metavar="ID", help="such as OCI-R014, AUTH-03 or GHD-21 (`conformance list` shows all)")
    key = made.parse_args(arguments).id.upper()
    if key not in catalogue():
        raise ConfigurationError(f"ID must be a requirement of the catalogue, got {key}: see `conformance list`")
    row = catalogue()[key]
    levels = ", ".join(f"{row.level(version)} in {version}" for version in VERSIONS)
    level = levels if len(set(row.levels.values())) > 1 else row.level(VERSIONS[0])
    lines = [
        f"{row.id}: {row.statement}",
        "",
        f"source:    {row.source}, section {row.section!r}",
        f"level:     {level}",
    ]
    lines += [f"category:  {row.category}"]
    if row.untestable:
        return [*lines, f"no scenario asserts it: {row.untestable}"]
    names = bound().get(key, [])
    lines += ["scenarios:", *[f"  {name}  ({promise(name)})" for name in names]]
    return [
        *lines,
        "",
        f"to run them: conformance TARGET --requirement {key}" if names else "no scenario asserts it yet",
    ]


def probed(arguments: Sequence[str]) -> list[str]:
    """Probe the optional capabilities of a target and show a line for each."""
    from conformance.checks.capabilities import PROBES, Capabilities
    from conformance.client.client import Client
    from conformance.client.content import Content
    from conformance.client.steps import Unprepared
    from conformance.client.transport import TransportError
    from conformance.config.settings import settings_from
    from conformance.targets.open import target_of

    made = Parser(prog="conformance probe", description="Probe the optional capabilities of a target.")
    add_options(made, without=("report", "requirement", "version", "level", "strict", "known", "full-size"))
    settings = settings_from(options_given(made.parse_args(arguments)))
    with target_of(settings) as target:
        described = target.description
        client = Client(target.transport(), case="probe", authenticator=target.authenticator(target.writer))
        pattern = described.places["default"]
        content = Content(seed=settings.seed, label="probe")
        asked = Capabilities(
            client,
            content,
            new_name=lambda label: pattern.replace("{}", f"{label}-{content.word(6)}"),
            absent=described.absent,
        )
        lines = [f"target {target.name}, profile {', '.join(described.profile)}"]
        for name in PROBES:
            try:
                lines.append(f"{name:<28} {asked.ask(name)}")
            except (Unprepared, TransportError) as error:
                lines.append(f"{name:<28} unknown: {str(error).partition(chr(10))[0]}")
    return lines
