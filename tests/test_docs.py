"""The README does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.command import stress
from conformance.command.main import run_parser
from conformance.config import target_file
from fakereg.auth import documents
from fakereg.auth.accounts import Accounts
from fakereg.auth.sample import SAMPLE_TOKENS, sample
from fakereg.command import cli, config
from fakereg.options import every, written_default

pytest_plugins = ["pytester"]

README = (Path(__file__).parent.parent / "README.md").read_text()


RETRIES = """import urllib3
    statuses = [urllib3.request("GET", registry.url + "/v2/", retries=False).status for _ in range(2)]
    assert statuses == [entry.status for entry in registry.journal] == [429, 200]"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_examples_run(pytester: pytest.Pytester) -> None:
    examples = blocks("python")
    assert len(examples) == 7
    client = """
import urllib3

class my_client:
    def push(reference):
        host, name = reference.split("/", 1)
        name, tag = name.split(":")
        body = '{"schemaVersion": 2, "manifests": []}'
        urllib3.request("PUT", f"http://{host}/v2/{name}/manifests/{tag}", body=body)
"""
    github = examples[4].replace("...", "assert secret.startswith('ghp_')")
    script = examples[2].replace("...", 'urllib3.request("POST", registry.url + "/v2/a/blobs/uploads/")', 1)
    script = script.replace("status=201", "status=202").replace('"PUT"', '"POST"')
    pytester.makepyfile(
        client
        + examples[0]
        + examples[1].replace("...", "pass")
        + examples[3].replace("...", RETRIES)
        + "\ndef test_script():\n"
        + _indented(script)
        + "\ndef test_github():\n"
        + _indented(github)
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=5)


def test_the_project_that_takes_scenarios_runs(pytester: pytest.Pytester) -> None:
    conftest, tests = blocks("python")[5:]
    pytester.makepyfile(
        my_registry="""
        from contextlib import contextmanager

        import fakereg

        @contextmanager
        def running():
            with fakereg.serve(dialect="oci,single_post=false") as registry:
                yield registry.url
        """
    )
    pytester.makeconftest(conftest)
    pytester.makepyfile(tests)
    result = pytester.runpytest_subprocess("-W", "error")
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines(["target my registry, *", "absent:*single_post (POST answered 202)*"])


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_the_command_lines_parse(line: str) -> None:
    for command in line.split(" && "):
        words = [word.strip("'") for word in command.split()]
        if words[:3] == ["python", "-m", "conformance"]:
            run_parser().parse_args(words[3:])
        elif words[:2] == ["conformance", "compare"]:
            assert all(word.endswith(".json") for word in words[2:])
        elif words[:2] == ["conformance", "stress"]:
            stress.parser().parse_args(words[2:])
        elif words[0] == "conformance":
            run_parser().parse_args(words[1:])
        elif words[0] == "fakereg":
            cli._parser().parse_args(words[1:])
        else:
            assert words[0] in {"python3", "python", ".", "pip", "docker", "echo", "export", "curl"}


def test_the_configuration_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "fakereg.toml").write_text(blocks("toml")[0])
    document = config.load(str(tmp_path / "fakereg.toml"))
    accounts = Accounts()
    documents.add_accounts(accounts, document)
    assert accounts.authenticate("hubot", "ghp_forTestsOnly")
    assert accounts.authenticate("anybody", "ghs_forTestsOnly")
    assert document["dialect"][0].blob_size_limit == 5 * 10**9


def test_the_file_of_a_target_is_read(tmp_path: Path) -> None:
    file = tmp_path / "my-registry.toml"
    file.write_text(blocks("toml")[1])
    secrets = {f"{name}_PASSWORD": "hush" for name in ("ROBOT", "READER", "STRANGER")}
    described = target_file.read(file, environ=secrets).description
    assert set(described.identities) == {"writer", "reader", "stranger"}
    assert described.limits == {"manifest": 4 << 20}
    assert [line.requirement for line in described.known] == ["OCI-R062"]


def test_every_option_of_a_run_that_is_mentioned_exists() -> None:
    section = README.split("## You want a verdict on a registry")[1].split("\n## ")[0]
    known = run_parser().format_help()
    for option in set(re.findall(r"`(--[a-z-]+)[ `]", section)) - {"--resolve", "--conformance-target"}:
        assert option in known, option


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


def options_table() -> str:
    """Return the table of all options as the README has it."""
    lines = ["| option | default | meaning |", "| --- | --- | --- |"]
    limits = {"file": " (not on the command line)", "python": " (Python only)", "command": ""}
    for name, option in every().items():
        value = written_default(name, command=False)
        default = value if option.shown_default else f"`{value}`"
        other = f", `{option.command_default}` of the command" if option.command_default is not None else ""
        lines.append(f"| `{name}` | {default}{other} | {option.meaning}{limits[option.source]} |")
    return "\n".join(lines)


def test_the_table_of_options_is_what_the_options_are() -> None:
    table = options_table()
    assert table in README, f"put this table into README.md:\n{table}"


def test_every_option_of_serve_that_is_mentioned_exists() -> None:
    section = README.split("## You want a registry without writing Python")[1].split("\n## ")[0]
    parse = cli._parser().parse_args
    for option in set(re.findall(r"`(--(?:storage|dialect|tls-cert|tls-key|port)[^`]*)`", section)):
        words = option.split()
        parse(["serve", *(words if len(words) > 1 else [words[0], "1"])])
