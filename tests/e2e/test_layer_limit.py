"""The limit of 5 GiB for a layer, at full size: what is taken, refused, kept and held in memory."""

import functools
import hashlib
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from tests.e2e.clients import unavailable
from tests.e2e.ghes import REPOSITORY, USER, WRITE_TOKEN
from tests.e2e.server import Server, serving

MIB = 2**20
LIMIT = 5 * 2**30
"""Bytes of the largest layer (GHD-21)."""

FREE_DISK = 6 * 2**30
MEMORY_LIMIT = 200 * MIB
ZEROS = bytes(MIB)
CREDENTIALS = urllib3.make_headers(basic_auth=f"{USER}:{WRITE_TOKEN}")
SECONDS = 300.0
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Uploader:
    """A client with an upload session of its own."""

    server: Server
    store: Path
    location: str

    def request(
        self, method: str, path: str, body: Iterator[bytes] | None = None, length: int | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Send a request, whose body is in chunks unless its length is given."""
        headers = CREDENTIALS if length is None else {**CREDENTIALS, "Content-Length": str(length)}
        url = self.server.url + path
        return urllib3.request(method, url, body=body, headers=headers, retries=False, timeout=SECONDS)

    def is_open(self) -> bool:
        """Whether the session is still there."""
        status = self.request("GET", self.location).status
        assert status in {204, 404}
        return status == 204

    def kept_bytes(self) -> int:
        """How much there is on the disk of what clients have sent."""
        files = (file for file in self.store.rglob("*") if file.is_file() and file.name not in {"format", "reserve"})
        return sum(file.stat().st_blocks * 512 for file in files)

    def peak_memory(self) -> int:
        """The most bytes of memory that the server ever had."""
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        (kibibytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(kibibytes) * 1024


@pytest.fixture
def uploader(tmp_path: Path) -> Iterator[Uploader]:
    """A client of a registry that keeps its content on a disk with room; all that it wrote is removed."""
    if sys.platform != "linux":
        unavailable("the memory of a process is read from /proc, which only Linux has")
    if shutil.disk_usage(tmp_path).free < FREE_DISK:
        unavailable(f"a layer of 5 GiB needs {FREE_DISK >> 30} GiB of free disk below {tmp_path}")
    store = tmp_path / "store"
    options = ("--dialect", "github-docker")
    try:
        with serving(f"directory:{store}", tmp_path / "requests.log", *options) as server:
            url = f"{server.url}/v2/{REPOSITORY}/blobs/uploads/"
            answer = urllib3.request("POST", url, headers=CREDENTIALS, retries=False)
            assert answer.status == 202, answer.data
            yield Uploader(server, store, answer.headers["Location"])
    finally:
        shutil.rmtree(store, ignore_errors=True)


def zeros(size: int) -> Iterator[bytes]:
    """So many zero bytes, a mebibyte at a time."""
    yield from (ZEROS for _ in range(size // MIB))
    if size % MIB:
        yield bytes(size % MIB)


@functools.cache
def digest_of_zeros(size: int) -> str:
    """The digest of so many zero bytes."""
    hashing = hashlib.sha256()
    for piece in zeros(size):
        hashing.update(piece)
    return f"sha256:{hashing.hexdigest()}"


@pytest.mark.row("GHD-21")
@pytest.mark.parametrize("length", [LIMIT, None], ids=["one PUT", "stream"])
def test_a_layer_of_exactly_the_limit_is_accepted(uploader: Uploader, length: int | None) -> None:
    digest = digest_of_zeros(LIMIT)
    if length is None:
        answer = uploader.request("PATCH", uploader.location, zeros(LIMIT))
        assert (answer.status, answer.headers["Range"]) == (202, f"0-{LIMIT - 1}"), answer.data
    body = zeros(LIMIT) if length else None
    answer = uploader.request("PUT", f"{uploader.location}?digest={digest}", body, length or 0)
    assert answer.status == 201, answer.data
    blob = uploader.request("HEAD", f"/v2/{REPOSITORY}/blobs/{digest}")
    assert (blob.status, blob.headers["Content-Length"]) == (200, str(LIMIT))
    assert uploader.peak_memory() < MEMORY_LIMIT


@pytest.mark.row("GHD-21")
def test_one_byte_more_is_refused_while_it_streams(uploader: Uploader) -> None:
    answer = uploader.request("PATCH", uploader.location, zeros(LIMIT + 1))
    assert (answer.status, answer.json()["errors"][0]["code"]) == (413, "SIZE_INVALID")
    assert not uploader.is_open()
    assert uploader.kept_bytes() == 0
    assert uploader.peak_memory() < MEMORY_LIMIT


@pytest.mark.row("GHD-21")
@pytest.mark.parametrize("expect", ["Expect: 100-continue\r\n", ""], ids=["100-continue", "no-expect"])
def test_one_byte_more_is_refused_before_it_is_sent(uploader: Uploader, expect: str) -> None:
    head = (
        f"PATCH {uploader.location} HTTP/1.1\r\nHost: {uploader.server.host}\r\n{expect}"
        f"Authorization: {CREDENTIALS['authorization']}\r\nContent-Length: {LIMIT + 1}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", uploader.server.port), timeout=ANSWER_SECONDS) as client:
        client.sendall(head.encode())
        assert client.makefile("rb").readline().startswith(b"HTTP/1.1 413 ")
    assert not uploader.is_open()
    assert uploader.kept_bytes() == 0
