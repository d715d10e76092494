"""Scopes are parsed at the edge, and written the way they are read."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.auth.scopes import ENTRY_LIMIT, LENGTH_LIMIT, Access, merge, parse, text

_types = st.sampled_from(["repository", "registry", "x1"])
_components = st.from_regex(r"[a-z0-9]{1,4}(([._]|__|-{1,3})[a-z0-9]{1,4}){0,2}", fullmatch=True)
_paths = st.lists(_components, min_size=1, max_size=3).map("/".join)
_hosts = st.from_regex(
    r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,3}[a-zA-Z0-9])?(\.[a-zA-Z0-9]{1,3}){0,2}(:[0-9]{1,5})?", fullmatch=True
)
_names = _paths | st.tuples(_hosts, _paths).map("/".join)
_actions = st.frozensets(st.sampled_from(["pull", "push", "delete", "*", "zap", "admin"]))
_access = st.builds(Access, _types, _names, _actions)


@given(st.lists(_access, max_size=8, unique_by=lambda access: access[:2]))
def test_what_is_written_is_read_again(entries: list[Access]) -> None:
    assert parse(" ".join(map(text, entries))) == entries


@given(st.lists(st.builds(Access, _types, st.sampled_from(["a", "b/c"]), _actions), max_size=8))
def test_entries_of_one_resource_are_merged(entries: list[Access]) -> None:
    merged = parse(" ".join(map(text, entries)))
    assert merged == merge(entries)
    assert [access[:2] for access in merged] == list(dict.fromkeys(access[:2] for access in entries))
    granted = {(access.type, access.name, action) for access in entries for action in access.actions}
    assert {(access.type, access.name, action) for access in merged for action in access.actions} == granted


@pytest.mark.parametrize(
    ("scope", "name", "actions"),
    [
        ("repository:app:pull", "app", {"pull"}),
        ("repository:team/app:push,pull,push", "team/app", {"pull", "push"}),
        ("repository:host:5000/app:pull", "host:5000/app", {"pull"}),
        ("repository:Host.example:5000/app:pull", "Host.example:5000/app", {"pull"}),
        ("repository(plugin):app:pull", "app", {"pull"}),
        ("repository:app:", "app", set()),
        ("repository:app:,pull,", "app", {"pull"}),
        ("repository:app:*", "app", {"*"}),
        ("  repository:app:pull  repository:app:push ", "app", {"pull", "push"}),
    ],
)
def test_what_the_grammar_allows(scope: str, name: str, actions: set[str]) -> None:
    assert parse(scope) == [Access("repository", name, frozenset(actions))]


@pytest.mark.parametrize("scope", ["", " ", "   "])
def test_an_empty_scope_asks_for_nothing(scope: str) -> None:
    assert parse(scope) == []


@pytest.mark.parametrize(
    "entry",
    [
        "repository",
        "repository:app",
        "repository::pull",
        ":app:pull",
        "::",
        "Repository:app:pull",
        "repository():app:pull",
        "repository(plugin:app:pull",
        "repository:App:pull",
        "repository:app/App:pull",
        "repository:host:5000:pull",
        "repository:host:port/app:pull",
        "repository:host:1:2/app:pull",
        "repository:-host/app:pull",
        "repository:/app:pull",
        "repository:app/:pull",
        "repository:a..b:pull",
        "repository:../app:pull",
        "repository:app:PULL",
        "repository:app:pull;push",
        "repository:app:**",
        "repository:app:pull\n",
        "repository:app:pull\trepository:app:push",
        "repository:é:pull",
        "repository:app\0:pull",
    ],
)
def test_an_entry_outside_the_grammar_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="must be TYPE:NAME:ACTIONS") as refusal:
        parse(f"repository:fine:pull {entry}")
    assert repr(entry) in str(refusal.value)


@given(st.text(string.ascii_lowercase[:3] + ":/,. ()*A1-é\n", max_size=30))
def test_any_text_is_a_scope_or_a_value_error(scope: str) -> None:
    try:
        entries = parse(scope)
    except ValueError:
        return
    assert parse(" ".join(map(text, entries))) == entries


def test_there_are_limits() -> None:
    entries = [f"repository:app{number}:pull" for number in range(ENTRY_LIMIT + 1)]
    assert len(parse(" ".join(entries[1:]))) == ENTRY_LIMIT
    with pytest.raises(ValueError, match=str(ENTRY_LIMIT)):
        parse(" ".join(entries))
    longest = f"repository:{'a' * (LENGTH_LIMIT - len('repository::pull'))}:pull"
    assert len(parse(longest)) == 1
    with pytest.raises(ValueError, match=str(LENGTH_LIMIT)):
        parse(longest + "s")


def test_an_error_quotes_no_more_than_it_needs() -> None:
    with pytest.raises(ValueError, match="must be TYPE:NAME:ACTIONS") as refusal:
        parse("!" * LENGTH_LIMIT)
    assert len(str(refusal.value)) < 300


def test_actions_are_written_in_a_stable_order() -> None:
    actions = ["zap", "*", "delete", "admin", "push", "pull"]
    assert text(Access("repository", "a", frozenset(actions))) == "repository:a:pull,push,delete,*,admin,zap"
