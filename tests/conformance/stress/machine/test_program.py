"""A program is data: it survives being written down, and makes the same content each time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import sha512

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.client.client import DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX, Client
from conformance.client.content import CONFIG, DOCKER_CONFIG, DOCKER_LAYER, LAYER, digest_of
from conformance.client.exchange import Exchange, Request
from conformance.stress.common.odd_members import ODD_MANIFEST_VALIDITY, ODD_MANIFESTS, ODD_MEMBERS
from conformance.stress.machine.generate import ALPHABET, programs
from conformance.stress.machine.program import (
    AS_BLOB,
    BLOB_SIZES,
    MISSING,
    STANDARD,
    Program,
    Recipe,
    Step,
    blob,
    manifest,
)
from conformance.stress.machine.rules import RULES, Call, Upload, World

SALTS = st.sampled_from(("one", "two", "\u00e9"))


def world(*recipes: Recipe, salt: str = "salt") -> World:
    return World(("place/x", "place/y"), "place/x/{}", salt, recipes=recipes)


@given(programs(steps=30))
@settings(max_examples=60)
def test_a_program_is_the_same_after_it_was_written_down(program: Program) -> None:
    text = program.to_json()
    assert Program.from_json(text) == program
    assert Program.from_json(text).to_json() == text


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"steps": 1, "recipes": []}', '{"steps": [{"rule": "ping"}], "recipes": []}',
     '{"steps": [], "recipes": [{}]}', '{"steps": [], "recipes": [{"blobs": [], "children": [], "size": 1}]}'],
)  # fmt: skip
def test_what_is_no_program_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - which part of it is wrong does not matter
        Program.from_json(text)


def test_a_program_is_shown_as_its_recipes_and_steps() -> None:
    program = Program(
        (Step("ping", {}), Step("get_blob", {"repository": 1, "digest": "@blob0"}, "reader")), (Recipe(),)
    )
    made, *steps = str(program).splitlines()
    assert made.startswith(f"recipe {len(STANDARD)} = Recipe(kind='image'")
    assert steps == ["ping()", "get_blob(repository=1, digest='@blob0') as reader"]


@given(programs(steps=1), SALTS)
@settings(max_examples=60)
def test_the_same_salt_makes_the_same_bytes_and_another_salt_others(program: Program, salt: str) -> None:
    for number in range(len(STANDARD) + len(program.recipes)):
        data = manifest(number, program.recipes, salt).data
        manifest.cache_clear()
        again = manifest(number, program.recipes, salt)
        assert again.data == data
        assert again.digest == digest_of(data)
        if ODD_MANIFEST_VALIDITY.get(again.recipe.odd, "yes") == "yes":
            assert manifest(number, program.recipes, salt + "+").data != data


@given(SALTS, st.sampled_from(range(len(BLOB_SIZES))))
def test_a_blob_has_its_size_and_its_salt(salt: str, number: int) -> None:
    data = blob(number, salt)
    blob.cache_clear()
    assert len(data) == BLOB_SIZES[number]
    assert blob(number, salt) == data
    if len(data) > 1:
        assert blob(number, salt + "+") != data


def test_all_content_is_different() -> None:
    made = [manifest(number, (), "salt").digest for number in (MISSING, *range(len(STANDARD)))]
    blobs = [digest_of(blob(number, "salt")) for number in (MISSING, *range(len(BLOB_SIZES)))]
    assert len({*made, *blobs}) == len(made) + len(blobs)


def test_references_stand_for_tags_and_digests() -> None:
    found = world(Recipe(annotation="own"))
    assert found.reference("latest") == "latest"
    assert found.reference("@3") == found.manifest(3).digest == digest_of(found.manifest(3).data)
    assert found.reference("@3/sha512") == f"sha512:{sha512(found.manifest(3).data).hexdigest()}"
    assert found.reference("@blob1") == digest_of(b"x")
    assert found.reference("@blob1/sha512") == f"sha512:{sha512(b'x').hexdigest()}"
    own = len(STANDARD)
    assert json.loads(found.manifest(own).data)["annotations"]["org.example.is"] == "own"
    assert found.reference(f"@{own + 1}") == found.reference("@0"), "numbers go round"
    assert found.reference(f"@{MISSING}") not in {found.reference(f"@{number}") for number in range(found.count)}


def test_names_are_those_of_numbered_repositories_or_lie_below_the_pattern() -> None:
    found = world()
    assert [found.name(0), found.name(1), found.name(2)] == ["place/x", "place/y", "place/x"]
    assert found.name("a/b") == "place/x/a/b"
    assert found.name("{}/Upper") == "place/x/x/Upper"


FORMS = {
    "image": (IMAGE, CONFIG, LAYER), "docker": (DOCKER_IMAGE, DOCKER_CONFIG, DOCKER_LAYER),
    "index": (INDEX, "", ""), "list": (DOCKER_LIST, "", ""),
}  # fmt: skip


@given(programs(steps=1))
@settings(max_examples=60)
def test_a_recipe_makes_a_valid_manifest_of_its_kind(program: Program) -> None:
    recipes = tuple(replace(recipe, odd="") for recipe in program.recipes)
    for number, recipe in enumerate(STANDARD + recipes):
        if recipe.kind == "other" or recipe.odd:
            continue
        media_type, config, layer = FORMS[recipe.kind]
        made = manifest(number, recipes, "salt")
        document = json.loads(made.data)
        assert (document["schemaVersion"], document["mediaType"], made.media_type) == (2, media_type, media_type)
        blobs = [blob(part, "salt") for part in recipe.blobs]
        if config:
            parts = [document["config"], *(part for part in document["layers"] if "urls" not in part)]
            children = parts[len(blobs) :]
            del parts[len(blobs) :]
            assert [part["mediaType"] for part in parts] == [config, *[layer] * (len(blobs) - 1)]
        else:
            children = document["manifests"][: len(recipe.children)]
            parts = document["manifests"][len(recipe.children) :]
            assert {part["mediaType"] for part in parts} <= {LAYER}
        assert [(part["digest"], part["size"]) for part in parts] == [(digest_of(it), len(it)) for it in blobs]
        refer(children, recipe.children, recipes)
        refer([document["subject"]] if "subject" in document else [], () if recipe.subject is None else
              (recipe.subject,), recipes)  # fmt: skip


def refer(descriptors: list[dict[str, object]], numbers: tuple[int, ...], recipes: tuple[Recipe, ...]) -> None:
    """Descriptors are those of these manifests."""
    made = [manifest(number, recipes, "salt") for number in numbers]
    wanted = [{"mediaType": one.media_type, "digest": one.digest, "size": len(one.data)} for one in made]
    assert descriptors == wanted


@pytest.mark.parametrize("odd", ODD_MANIFESTS)
def test_an_odd_recipe_is_spoiled(odd: str) -> None:
    plain, spoiled = (world(Recipe(odd=name)).manifest(len(STANDARD)) for name in ("", odd))
    assert spoiled.data == ODD_MANIFESTS[odd](plain.data)
    assert spoiled.media_type == plain.media_type


@pytest.mark.parametrize("kind", ["image", "docker", "index", "other"])
def test_odd_members_are_those_of_a_json_object(kind: str) -> None:
    made = {odd: world(Recipe(kind, (0, 1, 3), odd=odd)).manifest(len(STANDARD)) for odd in ("", *ODD_MEMBERS)}
    documents = {odd: json.loads(manifest.data) for odd, manifest in made.items()}
    same = [odd for odd, document in documents.items() if document == documents[""]]
    assert same[0] == ""
    assert (len(same) < 8) is (kind != "other"), same


def test_a_blob_can_have_the_bytes_of_a_manifest() -> None:
    found = world()
    assert found.blob(AS_BLOB + 2) == found.manifest(2).data
    assert found.reference(f"@blob{AS_BLOB}") == found.reference("@0")


def played(found: World, step: Step) -> Iterator[Call]:
    """The calls of a step, each of which succeeds."""
    calls = RULES[step.rule](found, **step.arguments)
    answer = None
    with suppress(StopIteration):
        while True:
            call = next(calls) if answer is None else calls.send(answer)
            yield call
            answer = succeeded(call)


def succeeded(call: Call) -> Exchange:
    status = 202 if call.method in {"start_upload", "patch"} else 201
    return Exchange(Request("POST", "http://registry.test/v2/"), status, (("Location", "/upload"),), b"", 0.0)


def test_every_rule_has_an_alphabet_and_every_step_of_it_can_be_played() -> None:
    assert ALPHABET.keys() == RULES.keys()
    needing_a_session = {"patch", "finish_upload", "upload_status", "cancel_upload"}
    for rule, steps in ALPHABET.items():
        for step in steps:
            found = world()
            assert bool(list(played(found, step))) == (rule not in needing_a_session)
            found.uploads.append(Upload("/upload"))
            assert all(hasattr(Client, call.method) for call in played(found, step))


def test_a_manifest_comes_behind_its_parts_which_are_pushed_once() -> None:
    found, step = world(), Step("push_manifest", {"repository": 0, "manifest": 2, "reference": "a"})
    made = list(played(found, step))
    manifests = [call.arguments[1] for call in made if call.method == "put_manifest"]
    assert manifests == [found.reference("@0"), found.reference("@1"), "a"]
    assert [call.method for call in made].count("start_upload") == 3, "blobs 0, 1 and 2"
    assert [call.method for call in played(found, step)] == ["put_manifest"]
