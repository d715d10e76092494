"""A target's TOML file: all that it can say, and one sentence for what it cannot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fakereg
from conformance.client.identity import Identity
from conformance.config.description import Hosts
from conformance.config.settings import Settings, resolve
from conformance.config.target_file import read
from conformance.errors import ConfigurationError
from tests.conformance.command.test_main import conformance, results

WHOLE = """
target = "https://docker.ghes.test:8443"
profile = "oci, auth"
version = "1.1"
repository = "team/conformance"
timeout = 5
insecure = true
resolve = ["docker.ghes.test:8443:127.0.0.1", "ghes.test:8443:127.0.0.1"]
references = ["team/image:1.0"]

[identities.writer]
username = "ann"
password-env = "ANNS"
[identities.reader]
username = "bob"
password = "bobs-secret"

[places]
public = "team/public/{}"

[hosts]
hostname = "ghes.test"

[limits]
blob = "10MiB"
manifest = 4194304
rate = 100

[capabilities]
required = ["mount"]
absent = ["referrers"]

[[known]]
requirement = "OCI-R066"
reason = "no order"
"""


def settings(file: Path, **command_line: str) -> Settings:
    return resolve(
        command_line={"target": str(file), **command_line}, environ={"ANNS": "hush"}, ini={}, new_seed=lambda: 1
    )


def written(folder: Path, text: str) -> Path:
    file = folder / "target.toml"
    file.write_text(text)
    return file


def test_everything_that_a_file_says(tmp_path: Path) -> None:
    found = settings(written(tmp_path, WHOLE))
    assert found.target == "https://docker.ghes.test:8443"
    assert found.profile == ("protocol", "pull", "push", "discovery", "management", "referrers", "auth")
    assert (found.version, found.repository, found.timeout, found.insecure) == ("1.1", "team/conformance", 5.0, True)
    assert found.resolve == {"docker.ghes.test:8443": "127.0.0.1", "ghes.test:8443": "127.0.0.1"}
    described = found.description
    assert described.identity("writer") == Identity("writer", "ann", "hush")
    assert described.identity("reader") == Identity("reader", "bob", "bobs-secret")
    assert described.places == {"public": "team/public/{}"}
    assert described.limits == {"blob": 10 << 20, "manifest": 4 << 20, "rate": 100}
    assert (described.required, described.absent) == (frozenset({"mount"}), frozenset({"referrers"}))
    assert described.references == ("team/image:1.0",)
    assert [line.requirement for line in described.known] == ["OCI-R066"]
    assert described.hosts == Hosts(
        docker="https://docker.ghes.test:8443",
        containers="https://containers.ghes.test:8443",
        web="https://ghes.test:8443",
        unserved=("https://ghes.test:8443",),
    )


def test_the_command_line_goes_first(tmp_path: Path) -> None:
    found = settings(written(tmp_path, WHOLE), version="1.0", username="carl", password="x")
    assert found.version == "1.0"
    assert found.description.identity("writer") == Identity("writer", "carl", "x")


def test_a_path_is_one_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    file = written(tmp_path, 'target = "https://registry.test"\nca = "ca.pem"\n')
    assert settings(file).ca == tmp_path / "ca.pem"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("target = ", "must be TOML"),
        ("", "must be a URL or another target, and not a file, got None"),
        ('target = "other.toml"', "and not a file, got 'other.toml'"),
        ('target = "fake"\ncolour = "red"', "got 'colour'"),
        ('target = "fake"\nidentities = 3', "identities must be a table"),
        (
            'target = "fake"\n[identities.writer]\nusername = "ann"',
            "must have a password or a password-env that is set, got neither",
        ),
        (
            'target = "fake"\n[identities.writer]\nusername = "ann"\npassword-env = "NO"',
            "got the variable NO, which is not set",
        ),
        (
            'target = "fake"\n[limits]\nblob = "much"',
            "[limits] blob must be a number such as 1000, 5GB or 5GiB, got 'much'",
        ),
        ('target = "fake"\n[limits]\nsize = 1', "got 'size'"),
        ('target = "fake"\n[capabilities]\nabsent = ["flying"]', "got 'flying'"),
        ('target = "fake"\n[hosts]\nunserved = "x"', "unserved must be a list of URLs"),
        ('target = "fake"\n[places]\npublic = 1', "place public must be a text, got 1"),
        ('target = "fake"\n[places]\npubilc = "a/{}"', "got 'pubilc'"),
        ('target = "fake"\n[identities.raeder]\nusername = "ann"\npassword = "x"', "got 'raeder'"),
        ('target = "fake"\n[capabilities]\nrequired = ["mount"]\nabsent = ["mount"]', "both as required and as absent"),
        ('target = "fake"\n[[known]]\nrequirement = "X"', "known failure 1"),
        ('target = "fake"\nknown = 1', "known failure"),
    ],
)
def test_useless_file(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError, match=re.escape(str(file))) as caught:
        read(file, environ={})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    done = conformance(tmp_path, "missing.toml")
    assert done.returncode == 4
    assert done.stderr == "ERROR: conformance: missing.toml cannot be read: No such file or directory\n"


def test_a_run(tmp_path: Path) -> None:
    with fakereg.serve(dialect="oci,mount=false") as server:
        file = f"""
            target = "{server.url}"
            [capabilities]
            absent = ["anonymous_mount"]
        """
        written(tmp_path, file)
        done = conformance(tmp_path, "target.toml", "--", "-k", "test_mount")
        assert done.returncode == 0, done.stdout
        found = results(tmp_path)["capabilities"]
        assert found["mount"].startswith("absent: POST answered")
        assert found["anonymous_mount"] == "absent: the target is configured without it"
        written(tmp_path, file + 'required = ["mount"]')
        done = conformance(tmp_path, "target.toml", "--", "-k", "test_mount")
        assert done.returncode == 1
        assert "expected: the capability mount, which is required of this target" in done.stdout
