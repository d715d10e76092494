"""Programs drawn by Hypothesis: most steps come from a fixed alphabet, some have odd values, few use their own recipes.

A step of the alphabet is one choice, which keeps drawing cheap. The simplest steps come first, because a failing
program shrinks to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.client.client import IMAGE, INDEX
from conformance.stress.common import strategies
from conformance.stress.common.odd_json import ODD_JSON
from conformance.stress.common.odd_members import ODD_MEMBERS
from conformance.stress.machine.program import (
    AS_BLOB,
    BLOB_SIZES,
    MISSING,
    REPOSITORIES,
    STANDARD,
    Program,
    Recipe,
    Step,
    Value,
)

TAGS = ("a", "b", "B", "a.1", "0")
STEPS = 200
"""Maximum number of steps of a program."""

BLOBS = range(len(BLOB_SIZES))
MANIFESTS = range(len(STANDARD) + 2)
"""The standard recipes, and two of a program's own, if it has them."""

_DIGESTS = [f"@{number}" for number in MANIFESTS]
_BLOB_DIGESTS = [f"@blob{number}" for number in BLOBS]
_SOURCES: tuple[Value, ...] = (0, 1, 2, None)
_AXES: dict[str, dict[str, list[Value]]] = {
    "ping": {},
    "push_blob": {"blob": [*BLOBS, AS_BLOB], "digest": ["", "", "", "@own/sha512", "@blob3"]},
    "post_blob": {"blob": [*BLOBS], "digest": ["", "", "@blob1"]},
    "mount": {"digest": [*_BLOB_DIGESTS], "source": [*_SOURCES]},
    "start_upload": {"algorithm": ["", "", "sha512"]},
    "patch": {
        "upload": [0, 1, 2],
        "blob": [0, 2, 2, 4],
        "size": [7, 7, 100],
        "content_range": ["", "right", "right", "late", "early", "first"],
    },
    "finish_upload": {
        "upload": [0, 1, 2],
        "blob": [*BLOBS],
        "digest": ["", "", "", "@blob1"],
        "content_range": ["", "", "right", "right", "late", "first"],
    },
    "upload_status": {"upload": [0, 1, 2]},
    "cancel_upload": {"upload": [0, 1, 2]},
    "get_blob": {"digest": [*_BLOB_DIGESTS, "@0"], "range": ["", "", "bytes=0-3", "bytes=5-", "bytes=-4"]},
    "head_blob": {"digest": [*_BLOB_DIGESTS, "@0"]},
    "delete_blob": {"digest": [*_BLOB_DIGESTS]},
    "push_manifest": {"manifest": [*MANIFESTS], "reference": [*TAGS, *TAGS, "@own"]},
    "put_manifest": {
        "manifest": [*MANIFESTS],
        "reference": [*TAGS, "@own", "@own", "@own/sha512", "@0"],
        "tags": ["", "", "a b"],
    },
    "get_manifest": {"reference": [*TAGS, *_DIGESTS, "@blob0"]},
    "head_manifest": {"reference": [*TAGS, *_DIGESTS]},
    "delete_manifest": {"reference": [*TAGS, *_DIGESTS]},
    "list_tags": {"n": [None, None, 1, 2, 3, 0], "last": [None, *TAGS]},
    "list_referrers": {
        "digest": [*_DIGESTS[:8], f"@{MISSING}"],
        "artifact_type": ["", "", "application/vnd.example.sbom"],
    },
    "catalog": {"n": [None, 1]},
}
"""The usual values of each argument beside the repository; doubled ones are drawn more often."""

_WEIGHTS = {"push_manifest": 4, "push_blob": 2, "put_manifest": 2, "delete_manifest": 2, "patch": 4, "finish_upload": 2,
            "list_referrers": 2}  # fmt: skip
_WITHOUT_REPOSITORY = {"ping", "catalog", "patch", "finish_upload", "upload_status", "cancel_upload"}


def alphabet(rule: str) -> Iterator[Step]:
    """Return the usual steps of a rule, the simplest first."""
    axes = _AXES[rule] if rule in _WITHOUT_REPOSITORY else {"repository": [*range(REPOSITORIES)], **_AXES[rule]}
    names = list(axes)
    for values in sorted(product(*(enumerate(axis) for axis in axes.values())), key=_cost):
        arguments = {name: value for name, (_, value) in zip(names, values, strict=True) if value not in ("", None)}
        own = f"@blob{arguments['blob']}" if "blob" in arguments else f"@{arguments.get('manifest')}"
        for name in ("reference", "digest"):
            if isinstance(text := arguments.get(name), str):
                arguments[name] = text.replace("@own", own)
        yield Step(rule, arguments)


def _cost(values: tuple[tuple[int, Value], ...]) -> int:
    return sum(place for place, _ in values)


def _others(step: Step) -> Iterator[Step]:
    return (Step(step.rule, step.arguments, who) for who in ("reader", "write", "delete", "none", "stranger", "nobody"))


ALPHABET = {rule: tuple(alphabet(rule)) for rule in _AXES}
_USUAL = [st.sampled_from(ALPHABET[rule]) for rule in _AXES for _ in range(_WEIGHTS.get(rule, 1))]
_AS_OTHERS = [st.sampled_from([other for step in ALPHABET[rule][:40] for other in _others(step)]) for rule in _AXES]


def _step(rule: str, **arguments: SearchStrategy[Value]) -> SearchStrategy[Step]:
    return st.fixed_dictionaries(arguments).map(lambda found: Step(rule, found))


_repository = st.integers(0, REPOSITORIES - 1)
_names: SearchStrategy[Value] = st.one_of(strategies.bad_names(), strategies.repository_names())
_references: SearchStrategy[Value] = st.one_of(
    strategies.tags(), strategies.bad_tags(), strategies.bad_digests(), strategies.unknown_digests()
)
_bad_digests: SearchStrategy[Value] = st.one_of(strategies.bad_digests(), strategies.unknown_digests())
_blob = st.sampled_from(BLOBS)
_manifest = st.sampled_from(MANIFESTS)
ODD: list[SearchStrategy[Step]] = [
    _step("start_upload", repository=_names),
    _step("mount", repository=_names, digest=st.sampled_from(_BLOB_DIGESTS), source=_repository),
    _step("mount", repository=_repository, digest=st.sampled_from(_BLOB_DIGESTS), source=_names),
    _step("mount", repository=_repository, digest=_bad_digests, source=_repository),
    _step("push_blob", repository=_repository, blob=_blob, digest=_bad_digests),
    _step("post_blob", repository=_repository, blob=_blob, digest=_bad_digests),
    _step("patch", upload=st.integers(0, 2), blob=_blob, size=st.integers(0, 300),
          content_range=strategies.content_ranges()),
    _step("finish_upload", upload=st.integers(0, 2), blob=_blob, digest=_bad_digests),
    _step("finish_upload", upload=st.integers(0, 2), blob=_blob, content_range=strategies.content_ranges()),
    _step("get_blob", repository=_repository, digest=st.sampled_from(_BLOB_DIGESTS), range=strategies.ranges()),
    _step("get_blob", repository=_names, digest=st.sampled_from(_BLOB_DIGESTS)),
    _step("get_blob", repository=_repository, digest=_bad_digests),
    _step("head_blob", repository=_repository, digest=_bad_digests),
    _step("delete_blob", repository=_repository, digest=_bad_digests),
    _step("put_manifest", repository=_repository, manifest=_manifest, reference=_references),
    _step("put_manifest", repository=_names, manifest=_manifest, reference=st.sampled_from(TAGS)),
    _step("put_manifest", repository=_repository, manifest=_manifest, reference=st.sampled_from(TAGS),
          media_type=st.sampled_from((INDEX, IMAGE, f"{IMAGE}; charset=utf-8", "text/plain", "nonsense"))),
    _step("push_manifest", repository=_repository, manifest=st.just(0), reference=strategies.tags()),
    _step("get_manifest", repository=_repository, reference=_references),
    _step("get_manifest", repository=_names, reference=st.just("a")),
    _step("delete_manifest", repository=_repository, reference=_references),
    _step("list_tags", repository=_repository, n=strategies.page_sizes(), last=strategies.lasts(TAGS)),
    _step("list_tags", repository=_names),
    _step("list_referrers", repository=_repository, digest=_bad_digests),
]  # fmt: skip
"""Steps with odd values: names, tags, digests, ranges of every form."""

_blobs = st.lists(st.sampled_from(BLOBS), min_size=1, max_size=4).map(tuple)
RECIPES = st.builds(
    Recipe,
    st.sampled_from(("image", "docker", "index", "other")),
    _blobs,
    st.lists(st.sampled_from((0, 1, 2, 5, MISSING)), max_size=3).map(tuple),
    st.sampled_from((None, 0, 2, 5, MISSING)),
    st.sampled_from(("", "application/vnd.example.sbom")),
    st.sampled_from(("", "text", "\u00e9\u2603", '"quoted"\n')),
    odd=st.one_of(st.just(""), st.sampled_from(tuple(ODD_JSON)), st.sampled_from(tuple(ODD_MEMBERS))),
)
"""Recipes beside the standard ones: other children and subjects, odd JSON."""


@st.composite
def programs(draw: DrawFn, *, steps: int = STEPS, further: Sequence[SearchStrategy[Step]] = ()) -> Program:
    """Draw a program of at most so many steps. Each program leaves out some kinds of steps and prefers others.

    `further` are kinds of steps that are mixed with usual ones in some programs.
    """
    recipes = tuple(draw(st.lists(RECIPES, max_size=2))) if draw(st.integers(0, 3)) == 3 else ()
    mixed = [st.one_of(_flavour(*_HOLDING), kind, kind, kind) for kind in further]
    kinds = draw(st.sampled_from((*_FLAVOURS, *mixed * 4)))
    drawn = (draw(kinds) for _ in range(draw(st.integers(1, steps))))
    return Program(tuple(replace(step, turn=turn) for turn, step in enumerate(drawn, start=1)), recipes)


def _flavour(*rules: str, odd: bool = False) -> SearchStrategy[Step]:
    chosen = rules or tuple(_AXES)
    usual = [st.sampled_from(ALPHABET[rule]) for rule in chosen for _ in range(_WEIGHTS.get(rule, 1))]
    return st.one_of(*usual, *(ODD if odd else ()))


_HOLDING = ("push_manifest", "push_blob", "start_upload", "patch", "finish_upload", "delete_blob")
"""Rules that give a registry something to answer with."""

_FLAVOURS = (
    _flavour(),
    _flavour("push_manifest", "put_manifest", "get_manifest", "delete_manifest", "list_tags"),
    _flavour("push_manifest", "delete_manifest", "list_referrers", "delete_blob", "put_manifest"),
    _flavour("start_upload", "patch", "finish_upload", "upload_status", "cancel_upload", "get_blob", "push_blob"),
    _flavour("push_blob", "post_blob", "mount", "delete_blob", "head_blob", "put_manifest"),
    _flavour(odd=True),
    st.one_of(*_USUAL, *_AS_OTHERS),
)
