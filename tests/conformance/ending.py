"""How a command of the suite has ended: that it said what it had to say, whatever the server did.

    python -m tests.conformance.ending [SECONDS]

tries the commands on mutating servers for a time, by default ten minutes.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import jsonschema

from tests.conformance.mutating_server import mutating_server

SCHEMA = Path(__file__).parents[2] / "conformance" / "reports" / "results.schema.json"
MEMORY = 1 << 30
"""Bytes of address space: several times what a run takes, and a fraction of what an endless answer would."""

LONGEST = 600.0
"""Seconds after which a command hangs; it takes a fraction, even on a busy machine."""

RAW = re.compile(r"[^\n\t -~\u00a1-\u200a\u2010-\u2027\u2030-\u205e\u2070-\U0010ffff]")
"""What a terminal would obey, or would not show."""

PARTS = (
    *("tags or token", "push or pull or mount", "chunks or upload", "manifests or referrers or http"),
    *("auth or errors", "delete or names or ranges", "test_"),
)
"""Scenarios by their names; the last are all, which take long on a server that answers late."""

_OURS = re.compile(r"([A-Za-z]*(Error|Exception|Interrupt|Exit)): ")
COMMANDS = {"run": (0, 1, 4), "probe": (0, 4), "stress": (0, 1, 4)}


def command_of(kind: str, url: str, folder: Path, *more: str) -> list[str]:
    """Return the command line of a command against a server."""
    common = [url, "--timeout", "1", "--seed", "1", "--username", "octocat", "--password", "octocat-password"]
    common += ["--repository", "octocat/hello", "--report", str(folder / "report")]
    own = {
        "run": ["--profile", "oci,auth"],
        "stress": ["--seconds", "5", "--parts", "machine,concurrency,hostile"],
        "probe": [],
    }
    return [*([] if kind == "run" else [kind]), *common, *own[kind], *more]


def ended(arguments: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a command of the suite within bounds; return its exit code and all that it wrote to the terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "conformance", *arguments],
        cwd=folder,
        capture_output=True,
        timeout=LONGEST,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )
    return done.returncode, (done.stdout + done.stderr).decode()


def problems(kind: str, code: int, said: str, folder: Path) -> list[str]:
    """Return what is wrong with the end of a command."""
    found = [f"exit code {code}"] if code not in COMMANDS[kind] else []
    found += [f"it says {word!r}" for word in ("INTERNALERROR", "Traceback", "MemoryError") if word in said]
    found += [
        f"a raw {match[0]!r} in {said[max(match.start() - 60, 0) : match.end() + 20]!r}"
        for match in [RAW.search(said)]
        if match
    ]
    if kind == "stress":
        found += [f"broken off: {line}" for line in said.splitlines() if "broke off" in line]
    results = folder / "report" / "results.json"
    if kind == "run" and code in (0, 1) and not results.exists():
        found.append(f"it says nothing in a report: {said[-3000:]}")
    elif kind == "run" and results.exists():
        document = json.loads(results.read_bytes())
        jsonschema.validate(document, json.loads(SCHEMA.read_bytes()))
        for scenario in document["scenarios"]:
            if scenario["outcome"] == "error" and _OURS.match(scenario["reason"]):
                found.append(f"{scenario['id']}: {scenario['reason'][:1500]}")
    return found


def try_seed(seed: int, kind: str, *more: str) -> list[str]:
    """Run a command against the server of a seed; return what is wrong with its end."""
    with mutating_server(seed) as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.monotonic()
        try:
            code, said = ended(command_of(kind, server.url, folder, *more), folder)
            found = problems(kind, code, said, folder)
        except subprocess.TimeoutExpired:
            return [f"{server}: it hangs"]
        took = time.monotonic() - begun
        last = (said.strip().splitlines() or [""])[-1][:150]
        sys.stderr.write(f"seed {seed}, {kind}, {server}: exit {code} after {took:.0f} s: {last}\n")
        return [
            f"{server}: {problem}\n{said[-3000:] if 'exit code' in problem or 'says' in problem else ''}"
            for problem in found
        ]


def main(seconds: float, first: int) -> int:
    """Try commands on servers until the time is over."""
    end, number, faults = time.monotonic() + seconds, 0, 0
    for seed in count(first):
        if time.monotonic() > end:
            break
        kind = ("run", "probe", "run", "stress")[seed % 4]
        more = (
            ["--workers", "2" if seed % 8 == 2 else "1", "--", "-k", PARTS[seed % len(PARTS)]] if kind == "run" else []
        )
        number += 1
        for problem in try_seed(seed, kind, *more):
            faults += 1
            sys.stdout.write(f"FAULT seed {seed}, {kind} {' '.join(more)}: {problem}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{number} commands on mutating servers, {faults} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    words = [float(word) for word in sys.argv[1:]]
    sys.exit(main(words[0] if words else 600.0, int(words[1]) if len(words) > 1 else 0))
