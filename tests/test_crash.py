"""A server on a directory storage is killed under load; what it acknowledged is there at the next start."""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import urllib3

from fakereg.manifest import OCI_IMAGE
from fakereg.names import Digest
from tests.fakereg.client import image

ROUNDS = 8
WRITERS = 3


@dataclass
class Acknowledged:
    """What one writer was told is stored."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)
    """Tags with a change under way when the server was killed: either state is right."""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "fakereg", "serve", "--port=0", "--quiet", f"--storage=directory:{folder}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def write(url: str, name: str, seed: int, known: Acknowledged) -> None:
    """Push, tag and delete until the server is gone."""
    choose = random.Random(seed)
    http = urllib3.PoolManager(retries=False)
    with contextlib.suppress(urllib3.exceptions.HTTPError):
        while True:
            content = choose.randbytes(choose.choice([10, 5_000, 2_000_000]))
            digest = Digest.of(content)
            location = http.request("POST", f"{url}/v2/{name}/blobs/uploads/").headers["Location"]
            assert http.request("PUT", f"{url}{location}?digest={digest}", body=content).status == 201
            known.blobs[digest] = content
            manifest = json.dumps(image(digest)).encode()
            tag = f"tag-{choose.randrange(5)}"
            known.unsure.add(tag)
            headers = {"Content-Type": OCI_IMAGE}
            answer = http.request("PUT", f"{url}/v2/{name}/manifests/{tag}", body=manifest, headers=headers)
            assert answer.status == 201
            known.manifests[Digest.of(manifest)] = manifest
            known.tags[tag] = Digest.of(manifest)
            known.deleted.discard(tag)
            if choose.random() < 0.3:
                assert http.request("DELETE", f"{url}/v2/{name}/manifests/{tag}").status == 202
                del known.tags[tag]
                known.deleted.add(tag)
            known.unsure.discard(tag)


def wait_for_first(books: list[Acknowledged]) -> None:
    """Until something is acknowledged, so that there is something to lose."""
    for _ in range(3000):
        if any(book.manifests for book in books):
            return
        time.sleep(0.01)
    pytest.fail("nothing was acknowledged within 30 s")


def check(url: str, name: str, known: Acknowledged) -> None:
    """Everything acknowledged is served; whatever is served is whole."""
    http = urllib3.PoolManager(retries=False)
    for digest, content in known.blobs.items():
        assert http.request("GET", f"{url}/v2/{name}/blobs/{digest}").data == content
    for digest, content in known.manifests.items():
        assert http.request("GET", f"{url}/v2/{name}/manifests/{digest}").data == content
    for tag, digest in known.tags.items():
        if tag not in known.unsure:
            assert http.request("GET", f"{url}/v2/{name}/manifests/{tag}").headers["Docker-Content-Digest"] == digest
    for tag in known.deleted - known.unsure:
        assert http.request("GET", f"{url}/v2/{name}/manifests/{tag}").status == 404
    for tag in http.request("GET", f"{url}/v2/{name}/tags/list").json().get("tags", []):
        answer = http.request("GET", f"{url}/v2/{name}/manifests/{tag}")
        assert Digest.of(answer.data) == answer.headers["Docker-Content-Digest"]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_nothing_acknowledged_is_lost(tmp_path: Path, seed: int) -> None:
    delay = random.Random(seed).uniform(0.05, 0.6)
    books = [Acknowledged() for _ in range(WRITERS)]
    with serving(tmp_path) as (url, process):
        writers = [
            threading.Thread(target=write, args=(url, f"writer/{number}", seed * 100 + number, book))
            for number, book in enumerate(books)
        ]
        for writer in writers:
            writer.start()
        wait_for_first(books)
        time.sleep(delay)
        process.kill()
        for writer in writers:
            writer.join()
    with serving(tmp_path) as (url, _):
        for number, book in enumerate(books):
            check(url, f"writer/{number}", book)
    for file in tmp_path.glob("repositories/*/blobs/*/*"):
        assert Digest.of(file.read_bytes(), algorithm=file.parent.name).encoded == file.name
