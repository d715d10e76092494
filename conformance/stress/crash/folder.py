"""Check the folder of a server after its start: a complete image layout per repository, and nothing else."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from conformance.stress.common.base import Finding
from conformance.stress.crash.book import Book, Key

SHOWN = 3
"""Tags of a folder that skopeo reads."""

REF_NAME = "org.opencontainers.image.ref.name"
SKOPEO_SECONDS = 60


def layout_of(folder: Path, repository: str) -> Path:
    """Return the layout of a repository."""
    return folder / "repositories" / repository.replace("/", "+")


def faults_of(folder: Path, books: Sequence[Book], repositories: Sequence[str]) -> Iterator[Finding]:
    """Yield the faults in the folder of a server that has started and gets no writes."""
    known = {layout_of(folder, repository): repository for repository in repositories}
    for path in folder.iterdir():
        if path.name not in {"repositories", "uploads", "lock", "format", "reserve"}:
            yield Finding(f"an unknown file is in the folder: {path}")
    for path in (folder / "repositories").iterdir():
        if path in known:
            yield from _faults_of_layout(path, known[path], books)
        else:
            yield Finding(f"an unknown file is among the repositories: {path}")
    sessions = {path.name for path in (folder / "uploads").iterdir()}
    for name in sessions:
        if {name.removesuffix(".json"), name.removesuffix(".json") + ".json"} - sessions:
            yield Finding(f"an incomplete upload session is left over: {folder / 'uploads' / name}")


def _faults_of_layout(layout: Path, repository: str, books: Sequence[Book]) -> Iterator[Finding]:
    try:
        index = json.loads((layout / "index.json").read_bytes())
        version = json.loads((layout / "oci-layout").read_bytes())
    except (OSError, ValueError) as error:
        yield Finding(f"{layout} is not an image layout: {error}")
        return
    if version != {"imageLayoutVersion": "1.0.0"}:
        yield Finding(f"oci-layout of {layout} says {version}")
    yield from _faults_of_index(layout, index, repository, books)
    yield from _faults_of_files(layout, {entry["digest"] for entry in index["manifests"]})


def _faults_of_index(layout: Path, index: Any, repository: str, books: Sequence[Book]) -> Iterator[Finding]:
    """Compare index.json with the served manifests and tags."""
    manifests = {key[2] for book in books for key in book.there("manifest", repository)}
    tags = {key[2]: book.held[key] for book in books for key in book.there("tag", repository)}
    entries = index["manifests"]
    noted = [(entry.get("annotations", {}).get(REF_NAME), entry["digest"]) for entry in entries]
    named = {name: digest for name, digest in noted if name}
    if {entry["digest"] for entry in entries} != manifests or named != tags:
        written = json.dumps(index, indent=1)
        yield Finding(
            f"index.json of {layout} does not match the served content", f"served are {manifests} and {tags}\n{written}"
        )


def _faults_of_files(layout: Path, manifests: set[str]) -> Iterator[Finding]:
    """Check that every file of content hashes to its name, and is a manifest of the index or a marked blob.

    Content that a manifest names may be there without a mark: a kill came before the end of its push or deletion.
    """
    pushed = {_digest(path) for path in layout.glob("pushed/*/*")}
    found, named = set[str](), _named_by(layout, manifests)
    for path in sorted(path for path in layout.rglob("*") if path.is_file()):
        parts = path.relative_to(layout).parts
        if parts[0] == "blobs" and len(parts) == 3 and _digest(path) in manifests | pushed | named:
            found.add(_digest(path))
            if hashlib.new(parts[1], path.read_bytes()).hexdigest() != path.name:
                yield Finding(f"{path} does not hash to its name")
        elif parts == ("changes.jsonl",) and b"\n" not in path.read_bytes():
            continue  # a line that a kill cut off; a start writes nothing, so the next change removes it
        elif parts not in {("index.json",), ("oci-layout",)} and (parts[0] != "pushed" or len(parts) != 3):
            yield Finding(f"a temporary file is left over: {path}")
    for digest in sorted((manifests | pushed) - found):
        yield Finding(f"the file of {digest} is missing in {layout}")


def _named_by(layout: Path, manifests: set[str]) -> set[str]:
    paths = [layout / "blobs" / digest.replace(":", "/") for digest in manifests]
    return {name for path in paths if path.is_file() for name in re.findall(r"sha\d+:[a-f0-9]+", path.read_text())}


def _digest(path: Path) -> str:
    return f"{path.parent.name}:{path.name}"


def read_by_skopeo(folder: Path, books: Sequence[Book], random: Random) -> tuple[int, list[Finding]]:
    """Read acknowledged tags in the folder with skopeo; return their number and the faults. It is 0 without skopeo."""
    command = shutil.which("skopeo")
    tags = [(book, key) for book in books for key in book.there("tag")]
    if not command or not tags:
        return 0, []
    chosen = random.sample(tags, min(len(tags), SHOWN))
    whole = [(book, key) for book, key in tags if _can_be_copied(book, key)]
    findings = [finding for book, key in chosen for finding in _inspect(command, folder, book, key)]
    for _, key in whole[:1]:
        findings += _copy(command, folder, key)
    return len(chosen) + len(whole[:1]), findings


def _can_be_copied(book: Book, tag: Key) -> bool:
    """Return whether skopeo can copy it: an index must have a child for the platform of the machine."""
    manifest = ("manifest", tag[1], str(book.held[tag]))
    return b'"layers"' in book.manifests[manifest].data and book.complete(manifest)


def _inspect(command: str, folder: Path, book: Book, tag: Key) -> Iterator[Finding]:
    """Check that skopeo shows the bytes of the acknowledged manifest."""
    source = f"oci:{layout_of(folder, tag[1])}:{tag[2]}"
    done = _run(command, "inspect", "--raw", source)
    manifest = book.manifests["manifest", tag[1], str(book.held[tag])]
    if done.returncode != 0 or done.stdout != manifest.data:
        yield Finding(f"skopeo cannot read {source}", done.stderr.decode(errors="replace"))


def _copy(command: str, folder: Path, tag: Key) -> Iterator[Finding]:
    """Check that skopeo copies the whole image, and that each blob matches its digest."""
    source = f"oci:{layout_of(folder, tag[1])}:{tag[2]}"
    with tempfile.TemporaryDirectory() as copy:
        done = _run(command, "copy", source, f"dir:{copy}/image")
    if done.returncode != 0:
        yield Finding(f"skopeo cannot copy {source}", done.stderr.decode(errors="replace"))


def _run(command: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    line = [command, "--insecure-policy", *words]
    return subprocess.run(line, capture_output=True, check=False, timeout=SKOPEO_SECONDS)
