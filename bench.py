"""Figures of fakereg, each as a ratio to something measured in the same run: `nox -s bench`.

Servers are processes of their own on 127.0.0.1. `docker-registry` (Debian's package of distribution 2.8) is the peer
for small requests, a registry container the peer for fixtures; what is not installed is named and left out.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from werkzeug.test import EnvironBuilder, run_wsgi_app

import fakereg
from fakereg.spec import manifest as manifests
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.directory import DirectoryStorage
from fakereg.storage.repositories import Repositories

MIB = 1 << 20
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONNECTIONS = 8
SECONDS = 3.0
SIZES = (10, 1_000, 10_000, 50_000)
PUSHES = 100
ROUNDS = 3
"""Each rate is the best of so many rounds, peers in turn, so that a busy moment of the machine hits both."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, metavar="MIB", help="size of the large blob (default: 1024)")
    parser.add_argument("--image", default="registry:2", help="registry image for the container's start")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large_blob(Path(folder), options.size * MIB)
        small_manifest(Path(folder))
        growing_repository(Path(folder))
    fixtures(options.image)
    plugins()


def report(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


# A large blob: rates as a ratio to hashlib, peak memory.


def large_blob(folder: Path, size: int) -> None:
    """Push and pull one blob on each storage, beside hashing the same bytes."""
    block = os.urandom(MIB)
    digest = _digest(block, size)
    report(f"\nblob of {size // MIB} MiB over loopback, best of {ROUNDS}")
    for storage in ("memory", f"directory:{folder / 'store'}", f"sqlite:{folder / 'store.db'}"):
        hashed = pushed = pulled = float("inf")
        with fake(storage) as (url, process):
            start = _memory(process, "VmRSS")
            for turn in range(ROUNDS):
                hashed = min(hashed, timed(lambda: _digest(block, size)))
                name = f"bench/round-{turn}"
                pushed = min(pushed, timed(partial(_push, url, name, block, size, digest)))
                pulled = min(pulled, timed(partial(_pull, url, name, digest, size)))
                urllib3.request("DELETE", f"{url}/v2/{name}/blobs/sha256:{digest}")
            peak = _memory(process, "VmHWM")
        hash_rate, push_rate, pull_rate = (size / MIB / seconds for seconds in (hashed, pushed, pulled))
        report(
            f"  {storage.partition(':')[0]:<10} hashlib {hash_rate:6.0f} MiB/s"
            f"   push {push_rate:6.0f} MiB/s = {push_rate / hash_rate:.2f}"
            f"   pull {pull_rate:6.0f} MiB/s = {pull_rate / hash_rate:.2f}"
            f"   memory {start:.0f} MiB, peak {peak:.0f} MiB"
        )


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _digest(block: bytes, size: int) -> str:
    digest = hashlib.sha256()
    for _ in range(size // MIB):
        digest.update(block)
    return digest.hexdigest()


def _push(url: str, name: str, block: bytes, size: int, digest: str) -> None:
    head = f"POST /v2/{name}/blobs/uploads/?digest=sha256:{digest} HTTP/1.1\r\nContent-Length: {size}"
    with _connect(url) as client:
        client.sendall(f"{head}\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode())
        for _ in range(size // MIB):
            client.sendall(block)
        answer = client.recv(65536)
    assert b" 201 " in answer, answer


def _pull(url: str, name: str, digest: str, size: int) -> None:
    buffer = bytearray(MIB)
    with _connect(url) as client:
        client.sendall(
            f"GET /v2/{name}/blobs/sha256:{digest} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()
        )
        received = 0
        while received < size:
            received += client.recv_into(buffer)


def _connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port))


def _memory(process: subprocess.Popen[str], field: str) -> float:
    """Resident memory in MiB: now (VmRSS) or at most so far (VmHWM)."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


# A small manifest: requests per second as a ratio to docker-registry.


def small_manifest(folder: Path) -> None:
    """GET one manifest over connections kept alive, in turn from both servers."""
    report(f"\nGET of a small manifest, {CONNECTIONS} connections kept alive, best of {ROUNDS} times {SECONDS:.0f} s")
    if not shutil.which("docker-registry"):
        report("  left out: docker-registry is not installed (Debian: apt-get install docker-registry)")
        return
    with contextlib.ExitStack() as running:
        servers = {
            "docker-registry": running.enter_context(distribution(folder)),
            "fakereg memory": running.enter_context(fake("memory"))[0],
            "fakereg directory": running.enter_context(fake(f"directory:{folder / 'manifests'}"))[0],
        }
        for url in servers.values():
            _push_manifest(url)
        rates = dict.fromkeys(servers, 0.0)
        for _ in range(ROUNDS):
            for name, url in servers.items():
                rates[name] = max(rates[name], _in_process_of_its_own(_load, url))
    for name, rate in rates.items():
        report(f"  {name:<18} {rate:7.0f} requests/s = {rate / rates['docker-registry']:.2f}")


def _in_process_of_its_own(work: Callable[[str], float], argument: str) -> float:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (argument,))


def _load(url: str) -> float:
    """Requests per second for SECONDS; each connection asks again as soon as its answer is complete."""
    request = f"GET /v2/bench/manifests/v1 HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nAccept: {MANIFEST_TYPE}\r\n\r\n"
    size = _answer_size(url, request.encode())
    selector = selectors.DefaultSelector()
    for _ in range(CONNECTIONS):
        client = _connect(url)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(client, selectors.EVENT_READ, [0])
        client.sendall(request.encode())
    answers, started = 0, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        for key, _ in selector.select(1):
            ready = key.fileobj
            assert isinstance(ready, socket.socket)
            key.data[0] += len(ready.recv(65536))
            if key.data[0] >= size:
                key.data[0] -= size
                answers += 1
                ready.sendall(request.encode())
    return answers / (time.perf_counter() - started)


def _answer_size(url: str, request: bytes) -> int:
    with _connect(url) as client:
        client.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += client.recv(65536)
        head, _, _ = answer.partition(b"\r\n\r\n")
        assert b" 200 " in head.splitlines()[0], head
        lengths = [line for line in head.splitlines() if line.lower().startswith(b"content-length:")]
        return len(head) + 4 + int(lengths[0].split(b":")[1])


def _push_manifest(url: str) -> None:
    config = b"{}"
    digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
    location = urllib3.request("POST", f"{url}/v2/bench/blobs/uploads/").headers["Location"]
    target = location if "://" in location else url + location
    closing = f"{target}{'&' if '?' in target else '?'}digest={digest}"
    assert urllib3.request("PUT", closing, body=config).status == 201
    descriptor = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)}
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": descriptor, "layers": []}
    pushed = urllib3.request(
        "PUT",
        f"{url}/v2/bench/manifests/v1",
        body=json.dumps(document),
        headers={"Content-Type": MANIFEST_TYPE},
    )
    assert pushed.status == 201, pushed.data


# A push to a repository that grows: processor time as a ratio to that of a small one.


def growing_repository(folder: Path) -> None:
    """PUT new manifests with new tags in process, into repositories that have more and more of them."""
    report(f"\nPUT of a manifest, processor time (median of {PUSHES} in each repository)")
    for kind in ("memory", "directory", "sqlite"):
        figures = {}
        for size in SIZES:
            registry = fakereg.Registry(storage=kind if kind == "memory" else f"{kind}:{folder / f'{kind}-{size}'}")
            _fill(registry.storage, size)
            pushes = [_push_seconds(registry, size + number) for number in range(PUSHES)]
            figures[size] = statistics.median(pushes) + _folding(registry, size)
        smallest = figures[SIZES[0]]
        shown = "   ".join(f"{size}: {figures[size] * 1e6:4.0f} us = {figures[size] / smallest:.2f}" for size in SIZES)
        report(f"  {kind:<10} {shown}")


def _image(number: int) -> bytes:
    """A small image; each number makes another one."""
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": Digest.of(b"{}"), "size": 2}
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": []}
    return json.dumps(document | {"annotations": {"number": str(number)}}).encode()


def _fill(repositories: Repositories, size: int) -> None:
    upload = repositories.start_upload(Name("bench"), algorithm="sha256", expiry=60, limit=1)
    upload.claim()
    upload.append(b"{}")
    repositories.finish_upload(upload, Digest.of(b"{}"))
    upload.release()
    for start in range(0, size, 5000):
        contents = {number: _image(number) for number in range(start, min(start + 5000, size))}
        parsed = [
            (manifests.parse(data, MANIFEST_TYPE, Digest.of(data)), [Tag(f"t{number}")])
            for number, data in contents.items()
        ]
        repositories.put_manifests(Name("bench"), parsed)


def _push_seconds(registry: fakereg.Registry, number: int) -> float:
    path = f"/v2/bench/manifests/t{number}"
    environ = EnvironBuilder(path=path, method="PUT", data=_image(number), content_type=MANIFEST_TYPE).get_environ()
    before = time.process_time()
    _, status, _ = run_wsgi_app(registry, environ)
    seconds = time.process_time() - before
    assert status.startswith("201"), status
    return seconds


def _folding(registry: fakereg.Registry, size: int) -> float:
    """Close the registry; what of that is the share of one push: an index is folded after as many bytes as it has."""
    before = time.process_time()
    registry.close()
    folds = isinstance(registry.storage.storage, DirectoryStorage) and size > SIZES[0]
    return (time.process_time() - before) / size if folds else 0.0


# Fixtures: a fresh registry in process, beside a container.


def fixtures(image: str) -> None:
    """How long a test waits for a fresh registry."""
    report("\na fresh registry for one test, started and stopped (median)")
    with fakereg.serve():
        pass  # what is imported on first use counts for no test in particular
    times = [timed(_start_and_stop) for _ in range(200)]
    fake_seconds = statistics.median(times)
    report(f"  fakereg            {fake_seconds * 1000:8.2f} ms")
    try:
        container_seconds = statistics.median(timed(lambda: _run_container(image)) for _ in range(3))
    except subprocess.CalledProcessError as problem:
        report(f"  left out: container of {image}: {problem.stderr.strip().splitlines()[0]}")
        return
    except OSError as problem:
        report(f"  left out: container of {image}: {problem}")
        return
    ratio = container_seconds / fake_seconds
    report(f"  container {image:<8} {container_seconds * 1000:8.0f} ms = {ratio:.0f} times as long")


def _start_and_stop() -> None:
    with fakereg.serve() as registry:
        assert registry.url


def _run_container(image: str) -> None:
    started = subprocess.run(
        ["docker", "run", "--detach", "--rm", "--pull=never", "--publish=127.0.0.1::5000", image],
        check=True,
        capture_output=True,
        text=True,
    )
    container = started.stdout.strip()
    try:
        port = subprocess.check_output(["docker", "port", container, "5000/tcp"], text=True).split(":")[-1].strip()
        _wait(f"http://127.0.0.1:{port}")
    finally:
        subprocess.run(["docker", "kill", container], check=True, capture_output=True)


# Plugins: what every pytest run of whoever installs the project pays.


def plugins() -> None:
    """Import each pytest plugin in a fresh process, beside importing pytest."""
    report("\nimport of a pytest plugin, beside that of pytest (median of 9, processor time)")
    whole = _import_seconds("import pytest, _pytest.config", "")
    for plugin in ("fakereg.pytest_plugin", "fakereg.conformance_plugin"):
        seconds = _import_seconds(f"import {plugin}", "import pytest, _pytest.config")
        report(f"  {plugin:<22} {seconds * 1000:5.1f} ms = {seconds / whole:.3f} of pytest's {whole * 1000:.0f} ms")


def _import_seconds(measured: str, before: str) -> float:
    code = (
        f"import time; {before or 'pass'}; start = time.process_time(); {measured}; print(time.process_time() - start)"
    )
    return statistics.median(float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(9))


# Servers.


@contextlib.contextmanager
def fake(storage: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A `fakereg serve` process: its URL and the process."""
    command = [sys.executable, "-m", "fakereg", "serve", "--port=0", "--quiet", f"--storage={storage}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.terminate()


@contextlib.contextmanager
def distribution(folder: Path) -> Iterator[str]:
    """A `docker-registry` process on the file system: its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = folder / "distribution.yml"
    config.write_text(
        "version: 0.1\n"
        "log: {level: error, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'distribution'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with subprocess.Popen(["docker-registry", "serve", str(config)], stderr=subprocess.DEVNULL) as process:
        try:
            _wait(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait(url: str) -> None:
    for _ in range(200):
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            urllib3.request("GET", f"{url}/v2/", retries=False, timeout=1.0)
            return
        time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer")


if __name__ == "__main__":
    main()
