"""The README does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.__main__ import parser
from fakereg import cli, config, dialects
from fakereg.accounts import Accounts
from fakereg.sample import SAMPLE_TOKENS, sample

pytest_plugins = ["pytester"]

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_examples_run(pytester: pytest.Pytester) -> None:
    examples = blocks("python")
    assert len(examples) == 4
    client = """
import urllib3

class my_client:
    def push(reference):
        host, name = reference.split("/", 1)
        name, tag = name.split(":")
        body = '{"schemaVersion": 2, "manifests": []}'
        urllib3.request("PUT", f"http://{host}/v2/{name}/manifests/{tag}", body=body)
"""
    github = examples[3].replace("...", "assert secret.startswith('ghp_')")
    script = examples[2].replace("...", 'urllib3.request("POST", registry.url + "/v2/a/blobs/uploads/")', 1)
    script = script.replace("status=201", "status=202").replace('"PUT"', '"POST"')
    pytester.makepyfile(
        client
        + examples[0]
        + examples[1].replace("...", "pass")
        + "\ndef test_script():\n"
        + _indented(script)
        + "\ndef test_github():\n"
        + _indented(github)
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=4)


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_the_command_lines_parse(line: str) -> None:
    for command in line.split(" && "):
        words = [word.strip("'") for word in command.split()]
        if words[:3] == ["python", "-m", "conformance"]:
            parser().parse_args(words[3:])
        elif words[0] == "fakereg":
            cli._parser().parse_args(words[1:])
        else:
            assert words[0] in {"python3", "python", ".", "pip", "docker", "echo", "export", "curl"}


def test_the_configuration_file_is_read(tmp_path: Path) -> None:
    (example,) = blocks("toml")
    (tmp_path / "fakereg.toml").write_text(example)
    document = config.load(str(tmp_path / "fakereg.toml"))
    accounts = Accounts()
    config.add_accounts(accounts, document)
    assert accounts.authenticate("hubot", "ghp_forTestsOnly")
    assert accounts.authenticate("anybody", "ghs_forTestsOnly")
    assert dialects.parse(document["dialect"][0]).blob_size_limit == 5 * 10**9


def test_the_sample_is_what_the_readme_says() -> None:
    named = set(re.findall(r"`(gh[ps]_[A-Za-z]+)…`", README))
    accounts = sample()
    secrets = set(SAMPLE_TOKENS.values())
    for name in named:
        secret = name.ljust(40, "0")
        secrets.discard(secret)
        assert accounts.authenticate("hubot" if "Hubot" in name else "octocat", secret), name
    assert secrets == set()
    for user, repository in [("octocat", "octocat/octo-app"), ("hubot", "octo-org/octo-service")]:
        assert user in accounts.users
        assert repository in accounts.repositories


def test_every_option_of_serve_that_is_mentioned_exists() -> None:
    section = README.split("## You want a registry without writing Python")[1].split("\n## ")[0]
    parse = cli._parser().parse_args
    for option in set(re.findall(r"`(--(?:storage|dialect|tls-cert|tls-key|port)[^`]*)`", section)):
        words = option.split()
        parse(["serve", *(words if len(words) > 1 else [words[0], "1"])])
