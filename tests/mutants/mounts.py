"""Mounts, broken: what is answered to them, and what is there afterwards."""

from __future__ import annotations

from fakereg.spec.names import Digest, Name
from tests.mutants.harness import Answer, Ask, after, instead


def is_mount(ask: Ask) -> bool:
    """Whether a blob is to be mounted."""
    return ask.kind == "uploads" and "mount" in ask.query


@after("OCI-R049", "a mount is answered with 200", "POST uploads", 201)
def mount_is_200(ask: Ask, answer: Answer) -> None:
    answer.status = 200


@instead("OCI-R049", "a mount from anywhere is answered with 204")
def anonymous_mount_is_204(ask: Ask) -> Answer | None:
    return Answer(204) if is_mount(ask) and "from" not in ask.query else None


@instead("OCI-R049", "a blob is mounted once")
def mounted_once(ask: Ask) -> Answer | None:
    storage = ask.registry.storage
    return Answer(409) if is_mount(ask) and storage.has_repository(Name(ask.name)) else None


@after("OCI-R050", "a mount has no Location", "POST uploads", 201)
def mount_without_location(ask: Ask, answer: Answer) -> None:
    answer.drop("Location")


@instead("OCI-R050", "a mount says that it was done and mounts nothing")
def mounted_nothing(ask: Ask) -> Answer | None:
    if not is_mount(ask):
        return None
    answer = Answer(201)
    answer.set("Location", f"/v2/{ask.name}/blobs/{ask.query['mount']}")
    return answer


@instead("OCI-R050", "a blob is moved, not mounted")
def moved_blob(ask: Ask) -> Answer | None:
    if not is_mount(ask) or "from" not in ask.query or ask.query["from"] == ask.name:
        return None
    answer = ask.proceed()
    ask.registry.storage.delete_blob(Name(ask.query["from"]), Digest(ask.query["mount"]))
    return answer


@after("OCI-R050", "a mount leads to where the blob was", "POST uploads", 201)
def mounted_where_it_was(ask: Ask, answer: Answer) -> None:
    answer.set("Location", f"/v2/{ask.query.get('from', 'nowhere')}/blobs/{ask.query['mount']}x")


@after("OCI-R051", "a mount that cannot be done is answered with 404", "POST uploads", 202)
def no_mount_is_404(ask: Ask, answer: Answer) -> None:
    if is_mount(ask):
        answer.status = 404


@after("OCI-R051", "a mount that cannot be done is answered with 204", "POST uploads", 202, 400)
def no_mount_is_204(ask: Ask, answer: Answer) -> None:
    if is_mount(ask):
        answer.status = 204


@after("OCI-R031", "what is opened instead of a mount leads nowhere", "POST uploads", 202)
def no_mount_leads_nowhere(ask: Ask, answer: Answer) -> None:
    if is_mount(ask):
        session = (answer.header("Location") or "").rpartition("/")[2]
        answer.set("Location", f"/v2/{ask.name}/blobs/uploads/?mount={ask.query['mount']}/{session}")


@after(
    "OCI-R031", "what is opened instead of any mount leads nowhere", "POST uploads", 202, target="fake:oci,mount=false"
)
def mount_leads_nowhere(ask: Ask, answer: Answer) -> None:
    if is_mount(ask):
        answer.set("Location", f"/v2/{ask.name}/blobs/uploads/?mount={ask.query['mount']}")


@after("OCI-R029", "what is opened instead of a mount has no Location", "POST uploads", 202)
def no_mount_without_location(ask: Ask, answer: Answer) -> None:
    if is_mount(ask):
        answer.drop("Location")


@after("OCI-R031", "what is opened instead of a single POST leads nowhere", "POST uploads", 202,
       target="fake:oci,single_post=false")  # fmt: skip
def no_single_post_leads_nowhere(ask: Ask, answer: Answer) -> None:
    if "digest" in ask.query:
        answer.set("Location", f"{answer.header('Location')}-and-more")


@after("OCI-R051", "a mount that cannot be done opens no session", "POST uploads", 202, target="fake:oci,mount=false")
def no_mount_no_session(ask: Ask, answer: Answer) -> None:
    if is_mount(ask):
        answer.drop("Location")
