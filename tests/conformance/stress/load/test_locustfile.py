"""Load: users who see what is wrong, in this process; and Locust with its workers, always in processes of its own."""

from __future__ import annotations

import csv
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from threading import Timer
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

import fakereg
from conformance.config.settings import Settings
from conformance.errors import ConfigurationError
from conformance.stress.common.base import Budget, Stress
from conformance.stress.load.plan import ACTIONS, Plan, Sample, sizes_of
from conformance.stress.load.user import Load
from conformance.targets.base import Target
from conformance.targets.fakes import InProcessFake
from fakereg import Registry
from fakereg.server import Server
from tests.guard import GUARD

LOCUSTFILE = Path(__file__).parents[4] / "conformance/stress/load/locustfile.py"
USERS = 4
FOREVER = "1h"
"""The run time of a run that a test ends when it has seen what it waits for."""

READS = {"GET tags", "GET manifest", "GET blob"}
WRITES = {"HEAD blob", "POST upload", "PATCH upload", "PUT upload", "PUT manifest"}
DELETIONS = {"DELETE tag", "DELETE manifest", "HEAD manifest", "DELETE blob"}
ALL = READS | WRITES | DELETIONS | {"GET referrers"}


def plan(images: int = 4, **weights: int) -> Plan:
    weights = weights or dict.fromkeys(ACTIONS, 1)
    return Plan({action: weights.get(action, 0) for action in ACTIONS}, {64: 3, 5000: 1}, images=images)


def fake(dialect: str = "oci", wrap: Any = None) -> InProcessFake:
    return InProcessFake(f"fake:{dialect}", dialect, Settings(), wrap=wrap)


@contextmanager
def load_on(target: Target, asked: Plan, samples: list[Sample]) -> Iterator[Load]:
    with target:
        stress = Stress(target, 1, Budget(float("inf")), lambda line: None)
        yield Load(stress, asked, samples.append)


def act(target: Target, times: int = 240, asked: Plan | None = None) -> tuple[Counter[str], Counter[str]]:
    """Let two users act in turn; gives the numbers of requests and of problems, which carry the request's name."""
    samples: list[Sample] = []
    with load_on(target, asked or plan(), samples) as load:
        visitors = [load.join(), load.join()]
        for _ in range(times // 2):
            for visitor in visitors:
                visitor.act()
        for visitor in visitors:
            load.leave(visitor)
    problems = Counter(f"{sample.name}: {sample.problem}" for sample in samples if sample.problem)
    return Counter(sample.name for sample in samples), problems


# The users, without Locust.


def test_users_send_requests_of_every_kind_and_find_nothing_wrong_with_the_fake() -> None:
    requests, problems = act(fake())
    assert problems == {}
    assert set(requests) == ALL
    assert min(requests.values()) > 5


@pytest.mark.parametrize(
    ("dialect", "missing"),
    [
        ("distribution", {"DELETE tag", "GET referrers"}),
        ("github-docker", DELETIONS | {"GET referrers"}),
        ("github-container", DELETIONS | {"GET referrers"}),
        ("oci,tag_deletion=false", {"DELETE tag"}),
        ("oci,manifest_deletion=false", DELETIONS - {"DELETE tag"}),
        ("oci,blob_deletion=false", {"DELETE blob"}),
    ],
)
def test_what_a_target_does_not_do_is_asked_for_once_or_twice(dialect: str, missing: set[str]) -> None:
    requests, problems = act(fake(dialect))
    assert problems == {}
    assert {name for name in ALL if requests[name] <= 2} == missing


def test_a_repository_holds_no_more_images_than_planned() -> None:
    for dialect in ("oci", "github-container"):
        with load_on(fake(dialect), plan(images=3, push=1), []) as load:
            visitor = load.join()
            for _ in range(30):
                visitor.act()
            assert visitor.held == 2 * 3
            load.leave(visitor)


def test_cleaning_up_leaves_nothing_that_can_be_removed() -> None:
    target = fake()
    with load_on(target, plan(), []) as load:
        visitors = [load.join() for _ in range(3)]
        for _ in range(50):
            for visitor in visitors:
                visitor.act()
        assert held_by(target.running)
        removed, left = load.clean_up(30)
        assert (removed > 5, left) == (True, 0)
        assert held_by(target.running) == []


def test_cleaning_up_ends_with_its_budget() -> None:
    with load_on(fake(), plan(push=1), []) as load:
        visitor = load.join()
        visitor.act()
        assert load.clean_up(0) == (0, 1)


def test_a_user_who_begins_takes_over_from_one_who_left() -> None:
    with load_on(fake(), plan(), []) as load:
        first = load.join()
        second = load.join()
        load.leave(first)
        assert load.join() is first
        assert load.join() not in {first, second}


def held_by(registry: Registry) -> list[str]:
    """The tags and manifests in the storage."""
    storage = registry.storage
    return [
        f"{name} {thing}"
        for name in storage.repositories()
        for thing in [*(storage.tags(name) or ()), *(storage.manifests(name) or ())]
    ]


# Each kind of wrong answer is found.

Change = Callable[[WSGIEnvironment, bytes], bytes | int]
"""Gives another body for a right answer, or a status in its place."""


def breaking(change: Change) -> Callable[[Registry], WSGIApplication]:
    """Puts a change around a fake, for answers of 200 to 202."""

    def wrap(registry: Registry) -> WSGIApplication:
        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            begun: list[Any] = []

            def begin(*arguments: Any) -> Callable[[bytes], object]:
                begun[:] = arguments
                return lambda data: None

            with ExitStack() as stack:
                answer = registry(environ, begin)
                if hasattr(answer, "close"):
                    stack.callback(answer.close)
                body = b"".join(answer)
            status, headers = begun[:2]
            changed = change(environ, body) if status[:3] in {"200", "201", "202"} else body
            if isinstance(changed, int):
                status, changed = f"{changed} Broken", b""
            if changed != body:
                headers = [pair for pair in headers if pair[0].lower() != "content-length"]
                headers.append(("Content-Length", str(len(changed))))
            start_response(status, headers)
            return [changed]

        return application

    return wrap


def on(method: str, path: str, change: Callable[[bytes], bytes | int]) -> Change:
    """A change for every fifth request of a kind."""
    turn = iter(range(1 << 30))

    def changed(environ: WSGIEnvironment, body: bytes) -> bytes | int:
        asked = environ["REQUEST_METHOD"] == method and re.search(path, environ["PATH_INFO"])
        return change(body) if asked and next(turn) % 5 == 4 else body

    return changed


def flipped(body: bytes) -> bytes:
    return bytes([body[0] ^ 1]) + body[1:]


def first_tag_again(body: bytes) -> bytes:
    return re.sub(rb'"tags": ?\[("[a-z]+")', rb'"tags":[\1,\1', body)


def without_a_tag(body: bytes) -> bytes:
    return re.sub(rb'("tags": ?\[)"[a-z]+"(,|(?=\])) ?', rb"\1", body)


def with_another_tag(body: bytes) -> bytes:
    return body.replace(b"]", b', "zzzzzzzzz"]')


@pytest.mark.parametrize(
    ("method", "path", "change", "problem"),
    [
        ("GET", "/blobs/sha", flipped, "GET blob: the bytes do not match the digest"),
        ("GET", "/manifests/", flipped, "GET manifest: the bytes do not match the digest"),
        ("GET", "/blobs/sha", lambda body: body[:-1], "GET blob: the bytes do not match the digest"),
        ("GET", "/blobs/sha", lambda body: 404, "GET blob: status 404 instead of 200"),
        ("GET", "/manifests/", lambda body: 503, "GET manifest: status 503 instead of 200"),
        ("PUT", "/manifests/", lambda body: 500, "PUT manifest: status 500 instead of 201"),
        ("POST", "/uploads/", lambda body: 429, "POST upload: status 429 instead of 202"),
        ("PATCH", "/uploads/", lambda body: 416, "PATCH upload: status 416 instead of 202"),
        ("PUT", "/uploads/", lambda body: 204, "PUT upload: status 204 instead of 201"),
        ("GET", "/tags/list", first_tag_again, "GET tags: a tag is listed twice"),
        ("GET", "/tags/list", without_a_tag, "GET tags: a tag is missing from the list"),
        ("GET", "/tags/list", with_another_tag, "GET tags: a tag is listed that was removed or never pushed"),
        ("GET", "/tags/list", lambda body: 500, "GET tags: status 500 instead of 200"),
        ("GET", "/referrers/", lambda body: b'{"manifests": []}', "GET referrers: a referrer is missing from the list"),
        ("GET", "/referrers/", lambda body: 404, "GET referrers: status 404 instead of 200"),
        ("DELETE", "/manifests/sha", lambda body: 405, "DELETE manifest: status 405 instead of 202"),
        ("DELETE", "/manifests/[a-z]+$", lambda body: 200, "DELETE tag: status 200 instead of 202"),
        ("DELETE", "/blobs/", lambda body: 500, "DELETE blob: status 500 instead of 202 or 404"),
    ],
)
def test_an_answer_that_is_wrong_is_a_failure(
    method: str, path: str, change: Callable[[bytes], bytes | int], problem: str
) -> None:
    _, problems = act(fake(wrap=breaking(on(method, path, change))))
    assert problem in problems


@pytest.mark.parametrize(
    ("dialect", "deleted", "problem"),
    [
        ("oci", "/manifests/sha", "HEAD manifest: status 200 instead of 404"),
        ("oci,manifest_deletion=false", "/manifests/[a-z]+$",
         "GET tags: a tag is listed that was removed or never pushed"),
    ],
)  # fmt: skip
def test_a_deletion_that_does_nothing_is_a_failure(dialect: str, deleted: str, problem: str) -> None:
    def wrap(registry: Registry) -> WSGIApplication:
        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["REQUEST_METHOD"] == "DELETE" and re.search(deleted, environ["PATH_INFO"]):
                start_response("202 Accepted", [("Content-Length", "0")])
                return [b""]
            return registry(environ, start_response)

        return application

    assert problem in act(fake(dialect, wrap=wrap))[1]


# The plan.


def test_sizes_are_read_with_units_and_weights() -> None:
    assert sizes_of("4KiB*8, 64 KiB * 3,1MiB,10") == {4096: 8, 65536: 3, 1 << 20: 1, 10: 1}


@pytest.mark.parametrize("text", ["", "0", "4kb", "1MiB*0", "1,,2", "-1", "1.5MiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--blob-size must be"):
        sizes_of(text)


@pytest.mark.parametrize(
    "wrong", [{"weights": {"push": 0}}, {"weights": {"push": -1, "pull": 2}}, {"repositories": 0}, {"wait": -1.0}]
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        replace(plan(), **wrong)


def test_actions_come_as_often_as_they_weigh() -> None:
    asked = plan(push=1, pull=3)
    random = Random(1)
    drawn = Counter(asked.action(random) for _ in range(4000))
    assert set(drawn) == {"push", "pull"}
    assert 2.5 < drawn["pull"] / drawn["push"] < 3.5


# Locust.


def locust(*arguments: str, url: str = "", file: str = str(LOCUSTFILE)) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "locust", "-f", file, *arguments]
    if url:
        command += ["--headless", "--only-summary", "--host", url, "--spawn-rate", "100"]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and what was printed."""
    with process:
        try:
            output, _ = process.communicate(timeout=GUARD)
        finally:
            process.kill()
    return process.returncode, output


def stopped_after(process: subprocess.Popen[str], words: str, is_over: Callable[[], bool]) -> tuple[int, str]:
    """End a run once it has printed these words and `is_over`, however long that takes; the exit code and output."""
    too_late, printed = Timer(GUARD, process.kill), ""
    too_late.start()
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            printed += line
            if words in line:
                while not is_over() and process.poll() is None:
                    time.sleep(0.1)
                process.terminate()
    too_late.cancel()
    return process.returncode, printed


def figures(folder: Path) -> dict[str, tuple[int, int]]:
    """Numbers of requests and of failures, by name."""
    with (folder / "load_stats.csv").open() as file:
        return {
            f"{row['Type']} {row['Name']}": (int(row["Request Count"]), int(row["Failure Count"]))
            for row in csv.DictReader(file)
            if row["Type"]
        }


def figures_so_far(folder: Path) -> dict[str, tuple[int, int]]:
    """The figures of a run that goes on; none while they are being written."""
    with suppress(OSError, KeyError, ValueError, TypeError):
        return figures(folder)
    return {}


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return str(found.getsockname()[1])


def test_two_workers_load_the_fake_without_a_failure_and_remove_everything(tmp_path: Path) -> None:
    port = free_port()
    with fakereg.serve() as registry, ExitStack() as stack:
        master = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2"]
        master += ["--users", str(USERS), "--run-time", FOREVER, "--csv", str(tmp_path / "load"), "--load-id", "named"]
        worker = ["--worker", "--master-host", "127.0.0.1", "--master-port", port]
        started = [locust(*master, url=registry.url), locust(*worker), locust(*worker, file="-")]
        for process in started:
            stack.callback(process.kill)
        end = time.monotonic() + GUARD
        while not set(figures_so_far(tmp_path)) >= ALL and time.monotonic() < end:
            time.sleep(0.1)
        started[0].terminate()
        for code, output in map(ended, started):
            assert code == 0, output
        assert held_by(registry) == []
        names = {str(name) for name in registry.storage.repositories()}
    found = figures(tmp_path)
    assert set(found) == ALL
    assert {name for name, (requests, failures) in found.items() if not requests or failures} == set()
    assert all(re.fullmatch(r"conformance/stress-named-load-[01]-[01]-[01]", name) for name in names)
    assert {name[len("conformance/stress-named-load-")] for name in names} == {"0", "1"}


def test_wrong_bytes_are_failures_of_the_run(tmp_path: Path) -> None:
    def is_counted() -> bool:
        return any(failures for _, failures in figures_so_far(tmp_path).values())

    registry = fakereg.Registry()
    with Server(breaking(on("GET", "/blobs/sha", flipped))(registry)) as server:
        running = locust("-u", "2", "-t", FOREVER, "--csv", str(tmp_path / "load"), url=server.url)
        code, output = stopped_after(running, "GET blob: the bytes do not match", is_counted)
    registry.close()
    assert code == 1, output
    assert "GET blob: the bytes do not match the digest" in output
    assert "curl -i -X GET http://127.0.0.1" in output
    assert {name for name, (_, failures) in figures(tmp_path).items() if failures} == {"GET blob"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-u", "1", "-t", "60s"], "nothing listens there"),
        (["--blob-size", "large"], "got 'large'"),
        (["--push-weight", "-1"], "weights must not be negative"),
    ],
)
def test_what_cannot_be_run_ends_at_once_with_a_sentence(arguments: list[str], sentence: str) -> None:
    code, output = ended(locust(*arguments, url=f"http://127.0.0.1:{free_port()}"))
    assert code == 2, output
    assert sentence in output


def test_the_module_says_where_the_file_is() -> None:
    command = [sys.executable, "-m", "conformance.stress.load.locustfile"]
    assert subprocess.check_output(command, text=True).strip() == str(LOCUSTFILE)
