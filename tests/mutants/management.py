"""Deletions, broken: what they answer, what they leave, and what they take with them."""

from __future__ import annotations

from fakereg.spec.names import Digest, Name, Tag
from tests.mutants.harness import Answer, Ask, after, instead

NO_TAGS, NO_MANIFESTS, NO_BLOBS = (f"fake:oci,{kind}_deletion=false" for kind in ("tag", "manifest", "blob"))


def is_deletion(ask: Ask, kind: str) -> bool:
    """Whether a tag, a manifest or a blob is to be deleted."""
    named = {"blobs": "blob", "manifests": "manifest" if ":" in ask.reference else "tag"}.get(ask.kind)
    return ask.method == "DELETE" and named == kind


def target_of(ask: Ask) -> Digest | None:
    """What the tag points to that a request is about."""
    return ask.registry.storage.targets(Name(ask.name)).get(Tag(ask.reference))


def changed(ask: Ask, kind: str, status: int) -> Answer | None:
    """A deletion that is answered otherwise."""
    if not is_deletion(ask, kind):
        return None
    answer = ask.proceed()
    answer.status = status if answer.status == 202 else answer.status
    return answer


def nothing_done(ask: Ask, kind: str) -> Answer | None:
    """A deletion that is said to be done and is not."""
    return Answer(202) if is_deletion(ask, kind) else None


# Tags.


@instead("OCI-R091", "a tag is deleted with 200")
def tag_with_200(ask: Ask) -> Answer | None:
    return changed(ask, "tag", 200)


@instead("OCI-R091", "a tag is not deleted")
def tag_stays(ask: Ask) -> Answer | None:
    return nothing_done(ask, "tag")


@instead("OCI-R091", "a tag takes its manifest along")
def tag_takes_manifest(ask: Ask) -> Answer | None:
    target = target_of(ask) if is_deletion(ask, "tag") else None
    if target:
        ask.registry.storage.delete_manifest(Name(ask.name), target)
        return Answer(202)
    return None


@instead("OCI-R091", "a tag takes the other tags of its manifest along")
def tag_takes_tags(ask: Ask) -> Answer | None:
    storage, name = ask.registry.storage, Name(ask.name)
    target = target_of(ask) if is_deletion(ask, "tag") else None
    for tag, digest in storage.targets(name).items() if target else ():
        if digest == target:
            storage.delete_tag(name, tag)
    return Answer(202) if target else None


@after("OCI-R091", "a deleted tag is still listed", "GET tags", 200)
def tag_is_listed(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body.replace(b'"kept"', b'"gone", "kept"'))


@instead("OCI-R091", "a tag that was deleted cannot be used again")
def tag_is_burnt(ask: Ask) -> Answer | None:
    burnt: set[str] = ask.registry.__dict__.setdefault("conformance.burnt", set())
    if is_deletion(ask, "tag"):
        burnt.add(f"{ask.name}:{ask.reference}")
    if ask.method == "PUT" and f"{ask.name}:{ask.reference}" in burnt:
        return Answer(201, [("Location", ask.path)])
    return None


@instead("OCI-R092", "tags that are not deleted get 403", target=NO_TAGS)
def tag_gets_403(ask: Ask) -> Answer | None:
    return Answer(403) if is_deletion(ask, "tag") else None


@instead("OCI-R092", "tags that are not deleted are deleted all the same", target=NO_TAGS)
def refused_tag_is_gone(ask: Ask) -> Answer | None:
    if is_deletion(ask, "tag"):
        ask.registry.storage.delete_tag(Name(ask.name), Tag(ask.reference))
    return None


# Manifests.


@instead("OCI-R093", "a manifest is deleted with 204")
def manifest_with_204(ask: Ask) -> Answer | None:
    return changed(ask, "manifest", 204)


@instead("OCI-R093", "a manifest is not deleted")
def manifest_stays(ask: Ask) -> Answer | None:
    return nothing_done(ask, "manifest")


@instead("OCI-R093", "a manifest leaves its tags behind")
def tags_are_left(ask: Ask) -> Answer | None:
    """What a tag pointed to is still given out for it."""
    left: dict[str, Answer] = ask.registry.__dict__.setdefault("conformance.left", {})
    storage, name = ask.registry.storage, Name(ask.name)
    if is_deletion(ask, "manifest"):
        for tag, digest in storage.targets(name).items():
            stored = storage.manifest(name, tag)
            if digest == ask.reference and stored:
                left[f"{ask.name}:{tag}"] = Answer(200, [("Content-Type", stored.media_type)], stored.content)
    return left.get(f"{ask.name}:{ask.reference}") if ask.method == "GET" and ask.kind == "manifests" else None


@instead("OCI-R093", "a manifest that comes back brings its old tags")
def old_tags_come_back(ask: Ask) -> Answer | None:
    old: dict[str, list[Tag]] = ask.registry.__dict__.setdefault("conformance.old", {})
    storage, name = ask.registry.storage, Name(ask.name)
    if is_deletion(ask, "manifest"):
        old[ask.name] = [tag for tag, digest in storage.targets(name).items() if digest == ask.reference]
    if ask.method != "PUT" or ask.kind != "manifests" or ask.name not in old:
        return None
    body, answer = ask.body(), None
    for tag in (*old.pop(ask.name), ask.reference):
        ask.replace_body(body)
        answer = ask.proceed(PATH_INFO=f"/v2/{ask.name}/manifests/{tag}", REQUEST_URI="", RAW_URI="")
    return answer


@instead("OCI-R093", "a manifest is deleted in all repositories")
def manifest_goes_everywhere(ask: Ask) -> Answer | None:
    if is_deletion(ask, "manifest"):
        for name in ask.registry.storage.repositories():
            if name != ask.name:
                ask.registry.storage.delete_manifest(name, Digest(ask.reference))
    return None


def manifests_with(ask: Ask, digest: str) -> list[Digest]:
    """The manifests of a repository that name a digest, beside that which has it."""
    storage, name = ask.registry.storage, Name(ask.name)
    stored = [found for each in storage.manifests(name) or () if (found := storage.manifest(name, each))]
    return [found.digest for found in stored if digest.encode() in found.content and found.digest != digest]


@instead("OCI-R093", "a manifest takes the indexes along that name it")
def child_takes_index(ask: Ask) -> Answer | None:
    for digest in manifests_with(ask, ask.reference) if is_deletion(ask, "manifest") else ():
        ask.registry.storage.delete_manifest(Name(ask.name), digest)
    return None


@instead("OCI-R093", "an index takes its children along")
def index_takes_children(ask: Ask) -> Answer | None:
    storage, name = ask.registry.storage, Name(ask.name)
    stored = storage.manifest(name, Digest(ask.reference)) if is_deletion(ask, "manifest") else None
    for digest in storage.manifests(name) or () if stored else ():
        if stored and digest.encode() in stored.content:
            storage.delete_manifest(name, digest)
    return None


@after("OCI-R094", "an unknown repository has nothing to delete, and says 202", "DELETE manifests", 404)
def unknown_is_202(ask: Ask, answer: Answer) -> None:
    if not ask.registry.storage.has_repository(Name(ask.name)):
        answer.status = 202


@after("OCI-R094", "an unknown repository is 400", "DELETE manifests", 404)
def unknown_is_400(ask: Ask, answer: Answer) -> None:
    if not ask.registry.storage.has_repository(Name(ask.name)):
        answer.status = 400


@instead("OCI-R095", "manifests that are not deleted get 404", target=NO_MANIFESTS)
def manifest_gets_404(ask: Ask) -> Answer | None:
    return Answer(404) if is_deletion(ask, "manifest") else None


# Blobs.


@instead("OCI-R096", "a blob is deleted with 200")
def blob_with_200(ask: Ask) -> Answer | None:
    return changed(ask, "blob", 200)


@instead("OCI-R096", "half of a deleted blob is left")
def half_is_left(ask: Ask) -> Answer | None:
    left: dict[str, bytes] = ask.registry.__dict__.setdefault("conformance.half", {})
    if is_deletion(ask, "blob"):
        data = ask.proceed(REQUEST_METHOD="GET").body
        left[ask.path] = data[: len(data) // 2]
    return Answer(200, [], left[ask.path]) if ask.method == "GET" and ask.path in left else None


@instead("OCI-R096", "a blob is deleted in all repositories")
def blob_goes_everywhere(ask: Ask) -> Answer | None:
    if is_deletion(ask, "blob"):
        for name in ask.registry.storage.repositories():
            if name != ask.name:
                ask.registry.storage.delete_blob(name, Digest(ask.reference))
    return None


@instead("OCI-R096", "a blob that was deleted cannot be pushed again")
def blob_is_burnt(ask: Ask) -> Answer | None:
    burnt: set[str] = ask.registry.__dict__.setdefault("conformance.burnt", set())
    if is_deletion(ask, "blob"):
        burnt.add(f"{ask.name}@{ask.reference}")
    return Answer(404) if ask.method == "GET" and f"{ask.name}@{ask.reference}" in burnt else None


@after("OCI-R097", "a blob that is not there is deleted", "DELETE blobs", 404)
def missing_is_202(ask: Ask, answer: Answer) -> None:
    answer.status = 202


@after("OCI-R097", "a blob that is not there is the server's fault", "DELETE blobs", 404)
def missing_is_500(ask: Ask, answer: Answer) -> None:
    answer.status = 500


@instead("OCI-R097", "a blob is deleted through another repository")
def blob_of_any_repository(ask: Ask) -> Answer | None:
    if not is_deletion(ask, "blob"):
        return None
    storage, digest = ask.registry.storage, Digest(ask.reference)
    gone = [storage.delete_blob(name, digest) for name in storage.repositories()]
    return Answer(202) if any(gone) else None


@instead("OCI-R098", "blobs that are not deleted get 404", target=NO_BLOBS)
def blob_gets_404(ask: Ask) -> Answer | None:
    return Answer(404) if is_deletion(ask, "blob") else None


@instead("OCI-R098", "blobs that are not deleted get 501", target=NO_BLOBS)
def blob_gets_501(ask: Ask) -> Answer | None:
    return Answer(501) if is_deletion(ask, "blob") else None
