"""A registry that has images already, broken: what scenarios find that push nothing."""

from __future__ import annotations

from collections.abc import Callable

from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.steps import Steps
from conformance.client.transport import WsgiTransport
from fakereg import Registry
from fakereg.spec.names import Name
from tests.mutants.harness import Answer, Ask, instead

REPOSITORY = Name("library/given")
IMAGE = Content(seed=1, label="given").image(layers=2)
TAGGED = f"--conformance-references={REPOSITORY}:v1"
BOTH = f"{TAGGED},{REPOSITORY}@{IMAGE.digest}"


def stock(registry: Registry) -> None:
    """Put the image where it is said to be."""
    if not registry.storage.has_repository(REPOSITORY):
        Steps(Client(WsgiTransport(registry))).manifest(REPOSITORY, IMAGE, "v1")


def given(
    requirement: str, text: str, on: str, *statuses: int, references: str = BOTH
) -> Callable[[Callable[[Ask, Answer], object]], object]:
    """As `after` of the harness, on a fake that has the image."""
    methods, _, kind = on.partition(" ")

    def register(function: Callable[[Ask, Answer], object]) -> object:
        def tamper(ask: Ask) -> Answer:
            stock(ask.registry)
            answer = ask.proceed()
            if ask.method in methods.split("|") and ask.kind == kind and (not statuses or answer.status in statuses):
                function(ask, answer)
            return answer

        return instead(requirement, f"{text} (of an image that is there)", arguments=(references,))(tamper)

    return register


@given("OCI-R004", "knows no manifest by digest", "GET manifests", 200, references=TAGGED)
def none_by_digest(ask: Ask, answer: Answer) -> None:
    if ask.name == REPOSITORY and ask.reference == IMAGE.digest:
        answer.status = 404


@given("OCI-R011", "gives a tag other bytes than its digest", "GET manifests", 200)
def other_bytes(ask: Ask, answer: Answer) -> None:
    if ":" in ask.reference and ask.name == REPOSITORY:
        answer.write(answer.body + b" ")


@given("OCI-R011", "gives other content than the digest stands for", "GET manifests", 200)
def other_content(ask: Ask, answer: Answer) -> None:
    if ":" in ask.reference and ask.name == REPOSITORY:
        answer.write(answer.body.replace(b"{", b"{ ", 1))


@given("OCI-R013", "names no digest of the manifest", "GET manifests", 200)
def no_digest(ask: Ask, answer: Answer) -> None:
    if ask.name == REPOSITORY:
        answer.drop("Docker-Content-Digest")


@given("OCI-R015", "gives one byte more of a blob", "GET blobs", 200)
def one_byte_more(ask: Ask, answer: Answer) -> None:
    if ask.name == REPOSITORY:
        answer.write(answer.body + b"\n")


@given("OCI-R021", "has no HEAD of the manifest", "HEAD manifests", 200)
def no_head(ask: Ask, answer: Answer) -> None:
    if ask.name == REPOSITORY:
        answer.status = 404


@given("OCI-R020", "takes a range to have one byte more", "GET blobs", 206)
def long_range(ask: Ask, answer: Answer) -> None:
    if ask.name == REPOSITORY:
        answer.write(answer.body + b"x")


@given("OCI-R014", "takes a missing manifest for a mistake", "GET manifests", 404)
def missing_is_400(ask: Ask, answer: Answer) -> None:
    if ask.name == REPOSITORY:
        answer.status = 400


@given("OCI-R067", "leaves the tag out of the list", "GET tags", 200)
def no_tag(ask: Ask, answer: Answer) -> None:
    if ask.name == REPOSITORY:
        answer.write(answer.body.replace(b'"v1"', b""))
