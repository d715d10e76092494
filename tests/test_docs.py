"""The README does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.__main__ import parser
from fakereg import cli

pytest_plugins = ["pytester"]

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_python_examples_run(pytester: pytest.Pytester) -> None:
    examples = blocks("python")
    assert len(examples) == 3
    client = """
import urllib3

class my_client:
    def push(reference):
        host, name = reference.split("/", 1)
        name, tag = name.split(":")
        body = '{"schemaVersion": 2, "manifests": []}'
        urllib3.request("PUT", f"http://{host}/v2/{name}/manifests/{tag}", body=body)
"""
    script = examples[2].replace("...", 'urllib3.request("POST", registry.url + "/v2/a/blobs/uploads/")', 1)
    script = script.replace("status=201", "status=202").replace('"PUT"', '"POST"')
    pytester.makepyfile(
        client + examples[0] + examples[1].replace("...", "pass") + "\ndef test_script():\n" + _indented(script)
    )
    pytester.runpytest_subprocess("-W", "error").assert_outcomes(passed=3)


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
            assert words[0] in {"python3", "python", ".", "pip", "docker"}


def test_every_option_of_serve_that_is_mentioned_exists() -> None:
    section = README.split("## You want a registry without writing Python")[1].split("\n## ")[0]
    parse = cli._parser().parse_args
    for option in set(re.findall(r"`(--(?:storage|dialect|tls-cert|tls-key|port)[^`]*)`", section)):
        words = option.split()
        parse(["serve", *(words if len(words) > 1 else [words[0], "1"])])
