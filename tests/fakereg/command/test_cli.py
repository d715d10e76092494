"""The command: what it prints, how it stops, what it says of bad arguments."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme
import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import fakereg
from fakereg.command import cli, foreground
from fakereg.dialect import fields
from fakereg.spec.names import Digest
from tests.fakereg.conftest import ALL_SCOPES
from tests.guard import GUARD


def start(
    *arguments: str, command: str = "serve", environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "fakereg", command, "--port", "0", *arguments]
    variables = {**os.environ, **(environment or {})}
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_it_prints_its_url_logs_each_request_and_stops_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    process = start("--storage", f"directory:{tmp_path}")
    assert process.stdout
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    urllib3.request("GET", f"{url}/v2/?last=%0Aline&token=hidden", headers={"Authorization": "Basic c2VjcmV0"})
    process.send_signal(number)
    _, log = process.communicate(timeout=GUARD)
    assert process.returncode == 0
    assert log.count("\n") == 1
    assert '127.0.0.1 "GET /v2/?last=%0Aline&token=[redacted]" 200' in log
    assert "c2VjcmV0" not in log
    assert "hidden" not in log


def test_a_line_of_the_log_that_is_cut_ends_nevertheless() -> None:
    process = start()
    assert process.stdout
    url = process.stdout.readline().strip()
    for path in ("a" * 10_000, "short"):
        urllib3.request("GET", f"{url}/{path}")
    process.terminate()
    long, short = process.communicate(timeout=GUARD)[1].splitlines()
    assert "/aaa" in long
    assert '"GET /short"' in short


def test_quiet_logs_no_request() -> None:
    process = start("--quiet")
    assert process.stdout
    urllib3.request("GET", process.stdout.readline().strip())
    process.terminate()
    assert process.communicate(timeout=GUARD) == ("", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dialect", "nothing"], "dialect must begin with one of oci, "),
        (["--storage", "nothing"], "known are directory, memory"),
        (["--storage", "directory"], "directory:PATH"),
        (["--storage", "directory:/dev/null/x"], "cannot use /dev/null/x as a storage"),
        (["--tls-cert", "/nowhere.pem"], "No such file"),
        (["--tls-key", "/nowhere.pem"], "with tls_key, give tls_cert"),
        (["--port", "70000"], "--port must be between 0 and 65535, got '70000'"),
        (["--unknown-host-status", "200"], "--unknown-host-status must be 404 or 421"),
        (["--host", "192.0.2.1", "--port", "0"], "annot assign"),
    ],
)
def test_bad_arguments_give_one_sentence_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        raise SystemExit(cli.main(["serve", *arguments]))
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


FILE = """
dialect = ["github-docker", "github-container"]
hostname = "ghes.test"
control_secret = "a secret of a test"
[users.mona]
[repositories."mona/app"]
[[tokens]]
user = "mona"
scopes = ["write:packages"]
secret = "ghp_mona"
"""


def test_a_file_and_the_environment_set_up_several_registries(tmp_path: Path) -> None:
    (tmp_path / "fakereg.toml").write_text(FILE)
    environment = {"FAKEREG_SUBDOMAIN_ISOLATION": "false", "FAKEREG_HOSTNAME": "other.test"}
    process = start("--config", str(tmp_path / "fakereg.toml"), "--hostname", "given.test", environment=environment)
    assert process.stdout
    url = process.stdout.readline().strip()
    port = url.rpartition(":")[2]
    name = f"given.test:{port}"
    lines = [process.stdout.readline().strip() for _ in range(2)]
    assert lines[0] == f"github-docker is at {name}"
    assert lines[1] == "github-container is not served: it needs subdomain isolation"
    basic = urllib3.make_headers(basic_auth="mona:ghp_mona")
    answer = urllib3.request("POST", f"{url}/v2/mona/app/a/blobs/uploads/", headers={"Host": name, **basic})
    assert answer.status == 202
    assert urllib3.request("GET", f"{url}/v2/", headers={"Host": "docker.given.test", **basic}).status == 421
    bearer = {"Authorization": "Bearer a secret of a test"}
    assert urllib3.request("GET", f"{url}/_fakereg/accounts", headers=bearer).json()["users"] == {"mona": {}}
    process.terminate()
    assert process.communicate(timeout=GUARD)[0] == ""


def test_without_a_file_it_says_how_to_log_in_with_the_sample() -> None:
    process = start("--dialect", "github-docker")
    assert process.stdout
    lines = [process.stdout.readline() for _ in range(4)]
    assert "docker login 127.0.0.1:" in lines[2]
    secret = lines[2].split()[1]
    basic = urllib3.make_headers(basic_auth=f"octocat:{secret}")
    path = "/v2/octocat/octo-app/monalisa/blobs/uploads/"
    assert urllib3.request("POST", lines[0].strip() + path, headers=basic).status == 202
    process.terminate()
    process.communicate(timeout=GUARD)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dialect = []", "give at least one dialect"),
        ("dialect = [1]", "fakereg.toml: dialect must be a Dialect, its text, or a list"),
        ("port = 70000", "fakereg.toml: port must be between 0 and 65535, got 70000"),
        ("hostname = 1", "hostname must be a text, got 1"),
        (
            "[users.a]\n[[tokens]]\nuser = 'a'\nsecret = 'ghp_1'\n[[tokens]]\nuser = 'a'",
            'tokens[1] needs "secret": a generated secret would never be shown',
        ),
        ("control_secret = 'short'", "control_secret must be a text of at least 16 characters, got 5 characters"),
    ],
)
def test_a_bad_file_gives_one_sentence_and_exit_code_2(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "fakereg.toml").write_text(text)
    process = start("--config", str(tmp_path / "fakereg.toml"))
    try:
        _, error = process.communicate(timeout=GUARD)
    finally:
        process.kill()
    assert process.returncode == 2
    assert message in error
    assert error.count("\n") == 1


def test_a_token_server_prints_its_realm_and_writes_its_certificate(tmp_path: Path) -> None:
    path = tmp_path / "cert.pem"
    process = start("--write-cert", str(path), "--issuer", "me", command="token-server")
    assert process.stdout
    realm = process.stdout.readline().strip()
    assert realm.endswith("/token")
    assert path.read_text().startswith("-----BEGIN CERTIFICATE-----")
    document = urllib3.request("GET", realm, fields={"service": "s", "scope": "repository:a:pull"}).json()
    assert document["token"].count(".") == 2
    assert urllib3.request("GET", realm.removesuffix("token") + "v2/").status == 404
    process.terminate()
    hints = process.stdout.read()
    assert "issuer: me\n" in hints
    assert f"root certificate bundle: {path}\n" in hints
    assert f"octocat, password {ALL_SCOPES}\n" in hints
    process.communicate(timeout=GUARD)


def test_a_token_server_that_nobody_can_trust_says_so() -> None:
    process = start("--quiet", command="token-server")
    assert process.stdout
    process.stdout.readline()
    process.terminate()
    assert "start again with --write-cert FILE" in process.stdout.read()
    process.communicate(timeout=GUARD)


def test_names_are_printed_as_a_line_for_the_hosts_file() -> None:
    process = start("--hostname", "ghes.test", "--dialect", "github-docker", "--dialect", "github-container")
    assert process.stdout
    process.stdout.readline()
    process.terminate()
    line = "To reach these names from this machine, add to /etc/hosts: 127.0.0.1 ghes.test docker.ghes.test "
    assert f"{line}containers.ghes.test\n" in process.stdout.read()
    process.communicate(timeout=GUARD)


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("[::]", "::1")],
)
def test_a_server_finds_itself_at_an_address_and_not_at_a_name(host: str, address: str) -> None:
    assert foreground.own_address(f"http://{host}:5000") == address


def test_a_port_in_use_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with fakereg.serve() as registry:
        port = registry.host.rpartition(":")[2]
        assert cli.main(["serve", "--port", port]) == 2
    assert f"127.0.0.1:{port} is in use" in capsys.readouterr().err


def test_every_preset_and_setting_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dialects"]) == 0
    listed = capsys.readouterr().out
    for name in [*fields.PRESETS, *(name for name, _, _ in fields.settings() if name != "name")]:
        assert f"\n  {name} " in listed


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"fakereg {fakereg.__version__}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_no_temporary_file_is_left(number: signal.Signals, tmp_path: Path) -> None:
    process = start(environment={"TMPDIR": str(tmp_path)})
    assert process.stdout
    url = process.stdout.readline().strip()
    content = b"x" * (3 << 20)
    digest = Digest.of(content)
    session = urllib3.request("POST", f"{url}/v2/a/blobs/uploads/").headers["Location"]
    assert urllib3.request("PUT", f"{url}{session}?digest={digest}", body=content).status == 201
    assert list(tmp_path.iterdir())
    process.send_signal(number)
    process.communicate(timeout=GUARD)
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_who_started_it_with_nohup_may_close_the_terminal() -> None:
    words = [sys.executable, "-m", "fakereg", "serve", "--port", "0"]
    process = subprocess.Popen(["nohup", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    url = process.stdout.readline().strip()
    process.send_signal(signal.SIGHUP)
    assert urllib3.request("GET", f"{url}/v2/").status == 200
    process.terminate()
    process.communicate(timeout=GUARD)
    assert process.returncode == 0


def test_a_log_that_nobody_reads_stops_nothing_and_tells_how_many_lines_are_missing() -> None:
    process, requests = start(), 1500
    assert process.stdout
    assert process.stderr
    url = process.stdout.readline().strip()
    with urllib3.PoolManager() as http:
        for _ in range(requests):
            assert http.request("GET", f"{url}/v2/" + "x" * 100).status == 404
        lines = [process.stderr.readline() for _ in range(100)]  # which makes room again
        assert http.request("GET", f"{url}/v2/").status == 200
    process.terminate()
    lines += process.stderr.readlines()
    process.communicate(timeout=GUARD)
    assert process.returncode == 0
    (told,) = [line for line in lines if "dropped" in line]
    dropped = int(told.split()[1])
    assert dropped > 0
    assert sum('"GET ' in line for line in lines) == requests + 1 - dropped
    assert lines.index(told) == len(lines) - 2


def test_that_lines_are_missing_is_told_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with open(write, "w") as stderr, open(read) as lines:
        os.set_blocking(write, False)
        monkeypatch.setattr(sys, "stderr", stderr)
        log = foreground.LogToStderr()
        while True:
            try:
                os.write(write, b"\n" * 4096)
            except BlockingIOError:
                break
        log.emit(logging.makeLogRecord({"msg": "one"}))
        os.read(read, 1 << 20)
        log.flush()
        log.flush()
        log.emit(logging.makeLogRecord({"msg": "two"}))
        stderr.close()
        assert lines.read().split("\n") == ["fakereg: 1 lines of the log were dropped, as nothing read them", "two", ""]


def test_a_log_whose_reader_has_gone_stops_nothing() -> None:
    process = start()
    assert process.stdout
    assert process.stderr
    url = process.stdout.readline().strip()
    process.stderr.close()
    for _ in range(2):
        assert urllib3.request("GET", f"{url}/v2/").status == 200
    process.terminate()
    assert process.wait(timeout=GUARD) == 0
    process.stdout.close()


@pytest.mark.parametrize("target", ["x" * 30_000, "%F0%9F%98%80" * 2_000, f"?a={'x' * 30_000}"])
def test_a_line_of_the_log_is_cut_where_the_path_is_long(target: str) -> None:
    process = start("--trust-proxy")
    assert process.stdout
    url = process.stdout.readline().strip()
    headers = {"X-Forwarded-For": "1" * 5_000}
    answer = urllib3.request("M" * 5_000, f"{url}/v2/{target}", headers=headers)
    process.terminate()
    (line,) = process.communicate(timeout=GUARD)[1].splitlines()
    assert re.search(rf'" {answer.status} [0-9.]+ms$', line)


def test_a_signal_right_after_the_url_is_obeyed() -> None:
    for _ in range(5):
        process = start()
        assert process.stdout
        process.stdout.readline()
        process.terminate()
        process.communicate(timeout=GUARD)
        assert process.returncode == 0


def test_a_key_with_a_pass_phrase_is_refused_without_asking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    secret = serialization.BestAvailableEncryption(b"secret")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    (tmp_path / "key.pem").write_bytes(pem)
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "cert.pem"))
    files = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    assert cli.main(["serve", "--port", "0", *files]) == 2
    assert "must be a certificate and its key" in capsys.readouterr().err
